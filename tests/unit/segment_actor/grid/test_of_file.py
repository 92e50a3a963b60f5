"""What stands before the voxels of a mask: the CT's own header, and the names."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest

from jobs.segment_one_ct.masks import write_masks
from segment_actor.grid.of_file import StoredGrid, dicom_grid, label_image, mask_header
from segment_actor.reading.nifti import read_nifti
from segment_actor.reading.series import read_series
from segment_actor.volume import Volume
from segment_actor.writing.label_map import store_labels
from tests.support.ct_files import dicom_files, dicom_slices, made_hu

SHAPE = (4, 5, 6)
LABELS = np.asfortranarray(np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8))
OBLIQUE = nib.affines.from_matvec([[0, -1.9, 0.3], [0.8, 0, 0], [0, 0.3, 1.9]], [1, -2, 3])


def ct(version: type[nib.Nifti1Image] = nib.Nifti1Image) -> nib.Nifti1Image:
    """A CT whose sform and qform have codes of their own."""
    image = version(made_hu(SHAPE), OBLIQUE)
    for name in ("descrip", "aux_file", "intent_name", "db_name", "data_type"):
        if name in image.header.keys():  # noqa: SIM118  # a header's own `in` looks at its values
            image.header[name] = b"Secret"
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(OBLIQUE, code=4)
    image.set_qform(OBLIQUE, code=1)
    return image


def grid_of(image: nib.Nifti1Image) -> StoredGrid:
    return read_series("nifti", [image.to_bytes()]).grid


def opened(grid: StoredGrid, names: dict[int, str] | None = None) -> nib.Nifti1Image:
    """A mask file of this grid, as nibabel opens it."""
    data = mask_header(grid, names) + LABELS.tobytes("F")
    version = nib.Nifti2Image if isinstance(grid.header, nib.Nifti2Header) else nib.Nifti1Image
    image: nib.Nifti1Image = version.from_stream(io.BytesIO(data))
    return image


@pytest.mark.parametrize("version", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_mask_has_the_geometry_of_its_ct_bit_by_bit(version: type[nib.Nifti1Image]) -> None:
    image = ct(version)
    mask = opened(grid_of(image))
    for field in ("dim", "pixdim", "qform_code", "sform_code", "xyzt_units",
                  "quatern_b", "qoffset_x", "srow_x", "srow_y", "srow_z"):  # fmt: skip
        np.testing.assert_array_equal(mask.header[field], image.header[field], field)
    np.testing.assert_array_equal(mask.affine, image.affine)
    np.testing.assert_array_equal(np.asarray(mask.dataobj), LABELS)


def test_a_ct_of_the_other_byte_order_gets_masks_that_open() -> None:
    image = nib.Nifti1Image(made_hu(SHAPE), OBLIQUE, nib.Nifti1Header(endianness=">"))
    mask = opened(grid_of(image), {1: "liver"})
    np.testing.assert_allclose(mask.affine, image.affine)
    assert b"liver" in mask.header.extensions[0].get_content()


def test_scaling_and_window_of_the_ct_do_not_reach_the_mask() -> None:
    image = nib.Nifti1Image(made_hu(SHAPE).astype(np.uint16), OBLIQUE)
    image.header.set_slope_inter(2, -1024)
    image.header["cal_max"] = 300
    assert np.asarray(opened(grid_of(image)).dataobj).max() == 2
    assert opened(grid_of(image)).header["cal_max"] == 0


def test_names_stand_in_the_header_as_a_label_table() -> None:
    mask = opened(grid_of(ct()), {1: "spleen", 117: "costal_cartilages"})
    content = mask.header.extensions[0].get_content().rstrip(b"\0")
    xml = ElementTree.fromstring(content)  # noqa: S314  # written three lines above
    labels = xml.findall("VolumeInformation/LabelTable/Label")
    assert {int(e.attrib["Key"]): e.text for e in labels} == {1: "spleen", 117: "costal_cartilages"}


PLACES = {
    "qform": ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    "sform": ("srow_x", "srow_y", "srow_z"),
}
GEOMETRY = ("dim", "pixdim", "xyzt_units", "qform_code", "sform_code", *PLACES["qform"],
            *PLACES["sform"])  # fmt: skip
NEEDED = ("sizeof_hdr", "magic", "eol_check", "datatype", "bitpix", "vox_offset", "scl_slope",
          "scl_inter")  # fmt: skip
"""Without which a file cannot be read."""


def planted(image: nib.Nifti1Image, text: bytes, unused: str) -> bytes:
    """The CT's file with a text in every byte that is not the CT's, in gzip that tells a name.

    Args:
        image: a CT.
        text: planted over and over.
        unused: the form whose code is set to 0, so that its fields may hold anything.
    """
    raw = bytearray(image.to_bytes())
    fields = np.frombuffer(raw, image.header.structarr.dtype, count=1)
    for name in fields.dtype.names:
        if name not in (*GEOMETRY, *NEEDED) or name in PLACES.get(unused, ()):
            _plant(fields[name], text)
    for name in ("dim", "pixdim"):  # beyond the three axes they mean nothing
        _plant(fields[name][0, 4:], text)
    if unused:
        fields[f"{unused}_code"] = 0
    file = io.BytesIO()
    with gzip.GzipFile(f"{text.decode()}.nii", "wb", fileobj=file, mtime=len(text)) as packed:
        packed.write(raw)
    return file.getvalue()


def _plant(field: npt.NDArray[Any], text: bytes) -> None:
    said = np.frombuffer((text * 400)[: field.nbytes], np.uint8)
    field[...] = said.view(field.dtype).reshape(field.shape)


@pytest.mark.parametrize("version", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("unused", ["qform", "sform", ""])
def test_a_mask_has_no_byte_of_a_cts_header_that_is_not_its_geometry(
    version: type[nib.Nifti1Image], unused: str
) -> None:
    image = ct(version)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Doe^John"))
    doe, roe = (planted(image, text, unused) for text in (b"Doe^John", b"Roe"))
    assert b"Doe^John" in gzip.decompress(doe)
    masks = [mask_header(read_series("nifti", [ct]).grid, {1: "spleen"}) for ct in (doe, roe)]
    assert masks[0] == masks[1]
    assert b"Doe" not in masks[0]


@pytest.mark.parametrize("version", [nib.Nifti1Image, nib.Nifti2Image])
def test_the_file_of_a_mask_says_neither_a_name_nor_a_time(
    version: type[nib.Nifti1Image], tmp_path: Path
) -> None:
    grid = grid_of(ct(version))
    stored = store_labels(LABELS, SHAPE, grid.affine)
    write_masks(tmp_path, stored, grid, {1: "spleen"})
    head = (tmp_path / "spleen.nii.gz").read_bytes()[:10]
    assert head == b"\x1f\x8b\x08" + bytes(5) + head[8:]  # RFC 1952: no flags, no time


def test_a_mask_of_a_ct_in_micrometres_is_in_micrometres() -> None:
    image = nib.Nifti1Image(made_hu(SHAPE), np.diag([700.0, 700, 1000, 1]))
    image.header.set_xyzt_units("micron")
    grid = grid_of(image)
    for mask in (opened(grid), label_image(grid, LABELS)):
        np.testing.assert_array_equal(mask.affine, image.affine)
        assert mask.header.get_xyzt_units()[0] == "micron"


def test_an_image_in_memory_is_what_the_file_would_be() -> None:
    grid = grid_of(ct())
    image = label_image(grid, LABELS, {1: "spleen"})
    assert image.to_bytes() == mask_header(grid, {1: "spleen"}) + LABELS.tobytes("F")


@pytest.mark.parametrize(
    ("orientation", "step", "codes", "origin"),
    [
        ([1, 0, 0, 0, 1, 0], (0, 0, 4), "LAS", (50, 8, 30)),
        ([1, 0, 0, 0, 0, -1], (0, 4, 0), "LSP", (50, 20, 18)),
        ([0, 1, 0, 0, 0, -1], (4, 0, 0), "PSR", (30, 20, 18)),
    ],
)
def test_dicom_masks_lie_as_dcm2niix_lays_the_series(
    orientation: list[int], step: tuple[int, ...], codes: str, origin: tuple[int, ...]
) -> None:
    slices = dicom_slices(made_hu(SHAPE))
    for k, one in enumerate(slices):
        one.ImageOrientationPatient = orientation
        one.ImagePositionPatient = [p + k * s for p, s in zip((-50, -20, 30), step, strict=True)]
    grid = read_series("dicom", dicom_files(slices)).grid
    # what dcm2niix 1.0.20260724 writes for these three series
    assert ("".join(nib.aff2axcodes(grid.affine)), (*grid.affine[:3, 3],)) == (codes, origin)


def test_a_dicom_masks_header_holds_its_grid_twice_as_scanner_coordinates() -> None:
    grid = read_series("dicom", dicom_files(dicom_slices(made_hu(SHAPE)))).grid
    header = opened(grid).header
    assert (int(header["qform_code"]), int(header["sform_code"])) == (1, 1)
    np.testing.assert_allclose(header.get_qform(), grid.affine, atol=1e-4)
    np.testing.assert_allclose(header.get_sform(), grid.affine)


def test_a_made_header_says_what_the_reader_reads() -> None:
    grid = dicom_grid(Volume(made_hu(SHAPE), np.diag([-0.8, -0.8, 2.0, 1.0])))
    header = mask_header(grid)
    image = read_nifti(header + LABELS.tobytes("F"))
    np.testing.assert_allclose(image.affine, grid.affine)
