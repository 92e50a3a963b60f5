"""Tars are unpacked whole or refused: never a part of one, never more than a CT."""

import gzip
import io
import tarfile
import tracemalloc

import numpy as np
import pytest

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.series import read_series
from segment_actor.reading.untar import untar
from tests.support.ct_files import dicom_files, dicom_slices, made_hu, nifti

FILES = {f"study/ct/{k}.dcm": file for k, file in enumerate(dicom_files(dicom_slices(made_hu())))}


def tar(files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        folder = tarfile.TarInfo("study")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


TAR = tar(FILES)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_form_is_unpacked(form: int, pack: type[bytes]) -> None:
    files = FILES | {"a" * 150 + "/ü.dcm": b"long"}
    assert untar(pack(tar(files, form))) == files


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_ct_in_a_tar_is_read(pack: type[bytes]) -> None:
    assert np.array_equal(read_series("tar", [pack(TAR)]).volume.hu, made_hu())
    one = pack(tar({"ct.nii": nifti(made_hu())}))
    assert np.array_equal(read_series("tar", [one]).volume.hu, made_hu())


def test_a_tar_cut_anywhere_is_refused() -> None:
    end = len(TAR.rstrip(b"\0")) // 512 * 512 + 512
    for length in [*range(0, end, 512), *range(100, end, 1777)]:
        with pytest.raises(SeriesError):
            untar(TAR[:length])


def test_a_gzipped_tar_cut_anywhere_is_refused() -> None:
    packed = gzip.compress(TAR)
    for length in range(0, len(packed) - 1, 97):
        with pytest.raises(SeriesError):
            untar(packed[:length])


def test_a_damaged_header_within_never_ends_a_tar_early() -> None:
    starts = [k for k in range(512, len(TAR), 512) if TAR[k + 257 : k + 262] == b"ustar"]
    assert len(starts) == len(FILES)
    for start in starts:
        data = bytearray(TAR)
        data[start + 150] ^= 1  # of its checksum
        with pytest.raises(SeriesError, match="tar file is damaged"):
            untar(bytes(data))


def test_altered_bytes_are_unpacked_or_refused_and_nothing_else() -> None:
    rng, refused = np.random.default_rng(0), 0
    for _ in range(2000):
        data = bytearray(TAR)
        for _ in range(rng.integers(1, 4)):
            data[512 * rng.integers(len(data) // 512) + rng.integers(512)] = rng.integers(256)
        try:
            assert len(untar(bytes(data))) == len(FILES)
        except SeriesError:
            refused += 1
    assert 0 < refused < 2000


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.GNUTYPE_SPARSE])
def test_links_are_refused_because_they_may_be_images(kind: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("1.dcm")
        link.type, link.linkname = kind, "0.dcm"
        archive.addfile(link)
    with pytest.raises(SeriesError, match="more than plain files"):
        untar(buffer.getvalue())


def test_a_bomb_is_refused_before_it_takes_memory() -> None:
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb", compresslevel=9) as packer:
        for _ in range(512):
            packer.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(SeriesError) as refusal:
        untar(bomb.getvalue())
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refusal.value.code is FailureCode.TOO_LARGE
    assert peak_bytes < 700 * 2**20
