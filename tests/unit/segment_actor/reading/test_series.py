import contextlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_actor.errors import SeriesError
from segment_actor.reading.series import check_volume, read_series
from segment_actor.volume import Volume
from tests.support.bad_inputs import BadInput, bad_inputs
from tests.support.ct_files import (
    RAS_2MM,
    SERIES_UID,
    dicom_files,
    dicom_slices,
    made_hu,
    nifti,
    zipped,
)
from tests.support.real_ct import real_ct_folder

BAD_INPUTS = bad_inputs()
SERIES = dicom_files(dicom_slices(made_hu()))
MEMBERS = {"CT/": b"", "readme.txt": b"hello"} | {f"CT/{n}": f for n, f in enumerate(SERIES)}
ZIP = zipped(MEMBERS)


@pytest.mark.parametrize("bad", BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_each_bad_input_is_refused_with_its_code(bad: BadInput) -> None:
    with pytest.raises(SeriesError) as refusal:
        read_series(bad.kind, list(bad.blobs.values()))
    assert refusal.value.code is bad.code


@pytest.mark.parametrize("bad", BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_a_refusal_is_plain_sentences_that_name_nobody(bad: BadInput) -> None:
    with pytest.raises(SeriesError) as refusal:
        read_series(bad.kind, list(bad.blobs.values()))
    sentence = refusal.value.sentence
    assert re.fullmatch(r"[A-Z].{20,300}\.", sentence)
    assert not any(secret in sentence for secret in ("secret-id", "Secret", SERIES_UID, "/"))


def test_a_folder_and_a_zip_of_it_read_alike() -> None:
    folder, archive = read_series("dicom", SERIES), read_series("zip", [ZIP])
    assert np.array_equal(folder.volume.hu, archive.volume.hu)
    assert folder.facts == archive.facts


def test_a_zip_of_one_nifti_is_read() -> None:
    scan = read_series("zip", [zipped({"ct.nii": nifti(made_hu()), "notes.txt": b"hello"})])
    assert np.array_equal(scan.volume.hu, made_hu())


def test_a_zip_of_two_niftis_is_refused() -> None:
    with pytest.raises(SeriesError, match="several_series"):
        read_series("zip", [zipped({"a.nii": nifti(made_hu()), "b.nii": nifti(made_hu())})])


@given(st.integers(0, len(ZIP) - 1))
def test_a_zip_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(SeriesError):
        read_series("zip", [ZIP[:length]])


@given(st.dictionaries(st.integers(0, len(ZIP) - 1), st.integers(0, 255), min_size=1, max_size=4))
def test_an_altered_zip_is_read_or_refused_and_nothing_else(changes: dict[int, int]) -> None:
    altered = bytearray(ZIP)
    for offset, value in changes.items():
        altered[offset] = value
    with contextlib.suppress(SeriesError):
        assert read_series("zip", [bytes(altered)]).volume.shape[:2] == made_hu().shape[:2]


def test_a_real_mr_is_no_ct() -> None:
    with pytest.raises(SeriesError, match="not_hounsfield"):
        read_series("nifti", [(real_ct_folder() / "example_mr_sm.nii.gz").read_bytes()])


def test_a_good_volume_passes() -> None:
    check_volume(Volume(made_hu(), RAS_2MM))
