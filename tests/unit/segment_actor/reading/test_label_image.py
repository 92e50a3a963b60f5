"""Labels are whole numbers: what a file holds is a label or a sentence, never the nearest label."""

from __future__ import annotations

import struct
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from segment_actor.errors import SetupError
from segment_actor.grid.of_file import dicom_grid, label_image
from segment_actor.reading.label_image import read_label_image
from segment_actor.volume import Volume
from tests.support.ct_files import RAS_2MM, made_hu, nifti

LABELS = np.random.default_rng(0).integers(0, 256, (6, 7, 8)).astype(np.uint8)
SLOPE = 112  # byte offset of scl_slope, then scl_inter, in a NIfTI-1 header; float32 each


def with_slope(data: bytes, slope: float, intercept: float = 0.0) -> bytes:
    return data[:SLOPE] + struct.pack("<2f", slope, intercept) + data[SLOPE + 8 :]


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_labels_of_every_data_type_are_read(kind: str) -> None:
    image = read_label_image(nifti(LABELS.astype(kind)))
    np.testing.assert_array_equal(image.labels, LABELS)
    assert image.labels.dtype == np.uint8
    assert image.names == {}


@pytest.mark.parametrize(("stored", "slope"), [(2 * LABELS.astype(np.uint16), 0.5), (LABELS, 1.0)])
def test_a_slope_is_honoured(stored: Any, slope: float) -> None:
    image = read_label_image(with_slope(nifti(stored), slope))
    np.testing.assert_array_equal(image.labels, LABELS)


def test_a_mask_stored_as_0_and_255_with_a_slope_is_0_and_1() -> None:
    mask = (LABELS > 99).astype(np.uint8)
    image = read_label_image(with_slope(nifti(255 * mask), 1 / 255))
    np.testing.assert_array_equal(image.labels, mask)


@pytest.mark.parametrize("value", [0.5, 4.9, 1.0002, 254.5])
def test_a_fraction_is_refused_not_rounded(value: float) -> None:
    values = LABELS.astype(np.float32)
    values[1, 2, 3] = value
    with pytest.raises(SetupError, match=r"no whole numbers .*nearest neighbour"):
        read_label_image(nifti(values))


def test_a_slope_that_makes_fractions_is_refused() -> None:
    with pytest.raises(SetupError, match="no whole numbers"):
        read_label_image(with_slope(nifti(LABELS), 0.7))


@pytest.mark.parametrize("value", [-1, 256, 70000])
def test_a_value_beyond_a_byte_is_refused_not_clipped(value: int) -> None:
    values = LABELS.astype(np.int32)
    values[1, 2, 3] = value
    with pytest.raises(SetupError, match=f"has the values {value}, which are no labels"):
        read_label_image(nifti(values))


def test_a_number_of_300_digits_is_not_written_out() -> None:
    with pytest.raises(SetupError, match=r"1e\+300") as refusal:
        read_label_image(nifti(np.where(LABELS == 0, 1e300, LABELS)))
    assert len(str(refusal.value)) < 150


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_background_without_a_value_is_refused_as_no_label_map(value: float) -> None:
    values = np.where(LABELS == 0, value, LABELS).astype(np.float32)
    with pytest.raises(SetupError, match=r"\(NaN or infinite\), so it is no label map"):
        read_label_image(nifti(values))


def named(names: dict[int, str]) -> bytes:
    grid = dicom_grid(Volume(made_hu(LABELS.shape), RAS_2MM))
    data: bytes = label_image(grid, LABELS, names).to_bytes()
    return data


def test_the_names_in_the_header_are_read() -> None:
    names = {1: "spleen", 255: "a name & <signs>"}
    assert read_label_image(named(names)).names == names


def test_a_damaged_table_of_names_is_no_table() -> None:
    data = bytearray(named({1: "spleen"}))
    data[348:360] = b"\x01\xff\xff\xff" * 3  # its mark, size and code
    assert read_label_image(bytes(data)).names in ({}, {1: "spleen"})


def test_files_of_connectome_workbench_name_the_background_too() -> None:
    assert read_label_image(named({0: "???", 1: "spleen"})).names == {1: "spleen"}


def test_names_are_read_from_either_version() -> None:
    image = nib.Nifti1Image.from_bytes(named({7: "pancreas"}))
    second = nib.Nifti2Image(np.asarray(image.dataobj), image.affine)
    second.header.extensions.append(image.header.extensions[0])
    assert read_label_image(second.to_bytes()).names == {7: "pancreas"}
