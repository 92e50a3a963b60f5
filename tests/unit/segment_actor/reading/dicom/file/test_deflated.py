import tracemalloc
import zlib

import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.file.parsing import parse
from segment_actor.reading.dicom.volume import read_dicom
from tests.support.ct_files import dicom, dicom_files, dicom_slices, made_hu


def deflated_files() -> list[bytes]:
    slices = dicom_slices(made_hu())
    for one in slices:
        one.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return dicom_files(slices)


def test_deflated_images_are_read() -> None:
    assert np.array_equal(read_dicom(deflated_files()).volume.hu, made_hu())


@pytest.mark.parametrize("k", [0, 7])
def test_a_deflated_image_cut_anywhere_is_refused(k: int) -> None:
    files = deflated_files()
    for length in range(132, len(files[k]) - 1, 7):
        with pytest.raises(SeriesError):
            read_dicom([*files[:k], files[k][:length], *files[k + 1 :]])


def test_a_bomb_is_refused_before_it_takes_memory() -> None:
    one = dicom_slices(made_hu())[0]
    whole = dicom(one)
    one.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    start = dicom(one)[: whole.index(b"\x08\x00\x08\x00CS") + 2]  # its UID is longer
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = (
        start + packer.compress(b"\x09\x00\x10\x00UN\0\0\0\0\0\x10" + bytes(2**28)) + packer.flush()
    )
    assert len(bomb) < 2**19
    tracemalloc.start()
    with pytest.raises(SeriesError) as refusal:
        parse(bomb)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refusal.value.code is FailureCode.TOO_LARGE
    assert peak_bytes < 2**27
