import gzip
import struct
import tracemalloc
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.nifti import is_nifti, read_nifti
from segment_actor.volume import Affine
from tests.support.bad_inputs import PIXDIM_OFFSET, SROW_OFFSET
from tests.support.ct_files import RAS_2MM, made_hu, nifti
from tests.support.real_ct import real_ct_folder

FORM_CODES = 252  # byte offset of qform_code, then sform_code, in a NIfTI-1 header; int16 each
GOOD = nifti(made_hu())


def patched(data: bytes, layout: str, offset: int, *values: float) -> bytes:
    changed = bytearray(data)
    struct.pack_into(layout, changed, offset, *values)
    return bytes(changed)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_every_data_type_and_byte_order_reads_as_nibabel_does(kind: str, order: str) -> None:
    voxels = (made_hu() / 16 + 64 * kind.startswith("u")).astype(kind)  # fits a byte of either sign
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(np.dtype(order + kind))
    data = nib.Nifti1Image(voxels, RAS_2MM, header, dtype=np.dtype(kind)).to_bytes()
    assert np.array_equal(read_nifti(data).hu, nib.Nifti1Image.from_bytes(data).get_fdata().round())


@pytest.mark.parametrize("image", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_both_versions_read_plain_and_compressed(image: Any, compress: Any) -> None:
    volume = read_nifti(compress(image(made_hu(), RAS_2MM).to_bytes()))
    assert np.array_equal(volume.hu, made_hu())
    assert np.array_equal(volume.affine, RAS_2MM)


@pytest.mark.parametrize("kind", ["u2", "i2", "f4"])
def test_slope_and_intercept_are_honoured(kind: str) -> None:
    voxels = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(kind)
    data = patched(nifti(voxels), "<2f", 112, 2.5, -1024.0)
    assert np.array_equal(read_nifti(data).hu, np.rint(voxels * 2.5 - 1024))


def test_a_slope_of_zero_means_none() -> None:
    assert np.array_equal(read_nifti(patched(GOOD, "<2f", 112, 0.0, 7.0)).hu, made_hu())


def test_an_int16_file_costs_its_size_only_once() -> None:
    data = nifti(np.zeros((200, 200, 200), np.int16))
    tracemalloc.start()
    volume = read_nifti(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1.5 * volume.hu.nbytes


def test_a_fourth_axis_of_one_is_no_fourth_dimension() -> None:
    assert read_nifti(nifti(made_hu()[..., None])).shape == made_hu().shape


def test_the_qform_counts_where_there_is_no_sform() -> None:
    image = nib.Nifti1Image(made_hu(), None)
    oblique = np.array([[0, -3, 0, 5], [1.8, 0, -1.6, 6], [2.4, 0, 1.2, 7], [0, 0, 0, 1.0]])
    image.set_qform(oblique, code=1)
    assert np.allclose(read_nifti(image.to_bytes()).affine, oblique, atol=1e-5)


def with_forms(sform: Affine, qform: Affine) -> bytes:
    image = nib.Nifti1Image(made_hu(), sform)
    image.set_qform(qform, code=1)
    data: bytes = image.to_bytes()
    return data


def turned(degrees: float) -> Affine:
    """RAS_2MM, turned about the patient's long axis and moved."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[cos, -sin, 0, 30], [sin, cos, 0, -20], [0, 0, 1, 10], [0, 0, 0, 1]])
    affine: Affine = turn @ RAS_2MM
    return affine


@pytest.mark.parametrize("degrees", [0, 0.01, 15])  # a registration turns a patient, not more
def test_the_sform_wins_over_a_qform_that_is_near(degrees: float) -> None:
    volume = read_nifti(with_forms(turned(degrees), RAS_2MM))
    assert np.allclose(volume.affine, turned(degrees), atol=1e-5)


@pytest.mark.parametrize(
    "sform",
    [np.diag([-2.0, 2, 2, 1]), np.diag([2.0, 2, -2, 1]), np.diag([-2.0, -2, 2, 1]), turned(90)],
)
def test_two_forms_that_contradict_each_other_are_refused(sform: Affine) -> None:
    with pytest.raises(SeriesError, match=r"bad_affine.*qform and sform.*contradict"):
        read_nifti(with_forms(sform, RAS_2MM))


def test_a_qform_whose_code_is_0_contradicts_nothing() -> None:
    data = patched(with_forms(np.diag([-2.0, 2, 2, 1]), RAS_2MM), "<h", FORM_CODES, 0)
    assert read_nifti(data).affine[0, 0] == -2.0


def test_a_qform_that_does_not_say_its_handedness_contradicts_no_mirror_of_its_third_axis() -> None:
    data = with_forms(np.diag([2.0, 2, -2, 1]), RAS_2MM)
    assert read_nifti(patched(data, "<f", PIXDIM_OFFSET, 0.0)).affine[2, 2] == -2.0


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
@pytest.mark.parametrize("column", [0, 3])  # a direction, and where the first voxel lies
def test_an_affine_without_finite_numbers_is_refused(value: float, column: int) -> None:
    with pytest.raises(SeriesError, match="bad_"):
        read_nifti(patched(GOOD, "<f", SROW_OFFSET + 4 * column, value))


@pytest.mark.parametrize("codes", [(-1, 1), (1, 99), (0, -1)])
def test_a_form_of_a_kind_that_the_standard_lacks_is_refused(codes: tuple[int, int]) -> None:
    with pytest.raises(SeriesError, match="header is damaged"):
        read_nifti(patched(GOOD, "<2h", FORM_CODES, *codes))


def test_line_ends_changed_by_a_transfer_are_noticed() -> None:
    data = nib.Nifti2Image(made_hu(), RAS_2MM).to_bytes()
    assert read_nifti(data).shape == made_hu().shape
    for place in (6, 8):  # the magic, what is behind it
        with pytest.raises(SeriesError, match="unreadable_file"):
            read_nifti(data[:place] + b"\n" + data[place + 1 :])


def test_lengths_in_micrometres_become_millimetres() -> None:
    image = nib.Nifti1Image(made_hu(), np.diag([700.0, 700, 1000, 1]))
    image.header.set_xyzt_units("micron", "sec")
    volume = read_nifti(image.to_bytes())
    assert volume.spacing_mm == pytest.approx((0.7, 0.7, 1.0))


def test_a_micro_ct_of_24_micrometres_is_no_patient() -> None:
    image = nib.Nifti1Image(made_hu(), np.diag([24.0, 24, 40, 1]))
    image.header.set_xyzt_units("micron")
    with pytest.raises(SeriesError, match=r"bad_spacing.*0\.024 x 0\.024 x 0\.04 mm"):
        read_nifti(image.to_bytes())


@pytest.mark.parametrize("mm", [2.0, 0.002])  # what such a header means nobody knows
def test_lengths_in_metres_are_refused(mm: float) -> None:
    image = nib.Nifti1Image(made_hu(), np.diag([mm, mm, mm, 1]))
    image.header.set_xyzt_units("meter")
    with pytest.raises(SeriesError, match=r"bad_spacing.*metres"):
        read_nifti(image.to_bytes())


def test_a_file_that_does_not_know_left_from_right_is_refused() -> None:
    with pytest.raises(SeriesError, match="left and right"):
        read_nifti(patched(GOOD, "<2h", FORM_CODES, 0, 0))


def test_two_voxel_sizes_in_one_header_are_refused() -> None:
    with pytest.raises(SeriesError, match="2 x 2 x 3 mm and 2 x 2 x 2 mm"):
        read_nifti(patched(GOOD, "<f", PIXDIM_OFFSET + 12, 3.0))


def test_a_header_without_its_image_is_refused() -> None:
    with pytest.raises(SeriesError, match=r"\.hdr/\.img"):
        read_nifti(GOOD[:344] + b"ni1\0" + GOOD[348:])


@pytest.mark.parametrize("code", [0, 1, 32, 1536, 9999])  # unknown, bits, complex, float128, none
def test_voxels_that_are_no_ordinary_numbers_are_refused(code: int) -> None:
    with pytest.raises(SeriesError, match="unreadable_file"):
        read_nifti(patched(GOOD, "<h", 70, code))


def test_a_wrong_checksum_is_noticed() -> None:
    for place in (-8, -4):  # the checksum, the length
        data = bytearray(gzip.compress(GOOD))
        data[place] ^= 1
        with pytest.raises(SeriesError, match="checksum"):
            read_nifti(bytes(data))


@pytest.mark.parametrize(
    "tail",
    [bytes(4096), b"\0", b"g", b"\r\n-- transferred by ftp --\r\n", gzip.compress(b"", mtime=0)],
)
def test_what_follows_the_last_gzip_member_is_passed_over(tail: bytes) -> None:
    assert np.array_equal(read_nifti(gzip.compress(GOOD) + tail).hu, made_hu())


def test_a_file_of_several_gzip_members_is_read_and_half_a_member_is_not() -> None:
    parts = [gzip.compress(GOOD[start : start + 100]) for start in range(0, len(GOOD), 100)]
    assert np.array_equal(read_nifti(b"".join(parts)).hu, made_hu())
    with pytest.raises(SeriesError, match="truncated_file"):
        read_nifti(b"".join(parts)[:-10])


def test_more_bytes_than_any_ct_are_refused_before_memory_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = nib.Nifti1Image(made_hu().astype(np.float64), np.diag([0.5, 0.5, 0.5, 1])).to_bytes()
    header = small[:40] + struct.pack("<4h", 3, 1000, 1000, 1000) + small[48:352]
    with pytest.raises(SeriesError, match=r"too_large.* 7 GiB or more"):
        read_nifti(header + bytes(8_000_000))
    monkeypatch.setattr("segment_actor.reading.nifti.MAX_IMAGE_BYTES", 2**20)
    assert read_nifti(gzip.compress(GOOD + bytes(2**20 - 1))).shape == made_hu().shape
    with pytest.raises(SeriesError, match="too_large"):  # a tail without an end
        read_nifti(gzip.compress(GOOD + bytes(2**20)))


@given(st.integers(0, len(GOOD) - 1))
def test_a_plain_file_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(SeriesError):
        read_nifti(GOOD[:length])


@given(st.data())
def test_a_compressed_file_cut_anywhere_is_refused(data: st.DataObject) -> None:
    whole = gzip.compress(GOOD)
    length = data.draw(st.integers(2, len(whole) - 1))
    with pytest.raises(SeriesError) as refusal:
        read_nifti(whole[:length])
    assert refusal.value.code is FailureCode.TRUNCATED_FILE


@given(st.dictionaries(st.integers(0, 351), st.integers(0, 255), min_size=1, max_size=4))
def test_an_altered_header_is_read_or_refused_and_nothing_else(changes: dict[int, int]) -> None:
    data = bytearray(GOOD)
    for offset, value in changes.items():
        data[offset] = value
    try:
        volume = read_nifti(bytes(data))
    except SeriesError:
        return
    assert min(volume.shape) >= 4


def test_content_tells_what_is_nifti() -> None:
    assert is_nifti(GOOD)
    assert is_nifti(gzip.compress(GOOD))
    assert not is_nifti(b"")
    assert not is_nifti(b"Dear colleague")


@pytest.mark.parametrize("name", ["example_ct.nii.gz", "example_ct_sm.nii.gz"])
def test_a_real_ct_reads_as_nibabel_does(name: str) -> None:
    path = real_ct_folder() / name
    reference: Any = nib.load(path)
    volume = read_nifti(path.read_bytes())
    assert np.array_equal(volume.hu, np.asanyarray(reference.dataobj))
    assert np.array_equal(volume.affine, reference.affine)
