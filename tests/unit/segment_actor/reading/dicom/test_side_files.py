import pytest

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.volume import read_dicom
from segment_actor.reading.series import read_series
from tests.support.ct_files import dicom_files, dicom_slices, made_hu, zipped

GOOD = dicom_files(dicom_slices(made_hu()))
NAMES = [f"CT/IM{k:04}" for k in range(8)]
LOST = {
    "empty": b"",
    "cut before the prefix ends": GOOD[0][:131],
    "error page": b"<html>502 Bad Gateway</html>",
    "pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "read me": b"Please read me.\n" * 30,
    "picture": b"\xff\xd8\xff\xe0",
    "zeros": bytes(len(GOOD[0])),
}


@pytest.mark.parametrize("k", [0, 4, 7])
@pytest.mark.parametrize("content", LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("names", [NAMES, [f"{n}.dcm" for n in NAMES], ["1.2.840"] * 8, []])
def test_a_slice_that_was_lost_is_never_passed_over(
    k: int, content: bytes, names: list[str]
) -> None:
    files = [*GOOD[:k], content, *GOOD[k + 1 :]]
    with pytest.raises(SeriesError, match="Of the 8 files, 1 should be an image") as refusal:
        read_dicom(files, names)
    assert refusal.value.code is FailureCode.UNREADABLE_FILE


def test_a_slice_lost_in_a_zip_is_never_passed_over() -> None:
    files = dict(zip(NAMES, [*GOOD[:7], b""], strict=True))
    with pytest.raises(SeriesError, match="Of the 8 files, 1 should be an image"):
        read_series("zip", [zipped(files)])


@pytest.mark.parametrize(
    "name",
    [
        "README", "readme.txt", "CT/VERSION", "viewer/LICENSE", "AUTORUN.INF", "a/report.pdf",
        "Thumbs.db", ".DS_Store", "__MACOSX/CT/._IM0001", "index.html", "preview.jpg", "run.exe",
        "SHA256SUMS", "series.md5", "export.yaml",
    ],
)  # fmt: skip
@pytest.mark.parametrize("content", [b"", b"a few words", bytes(len(GOOD[0]))])
def test_what_lies_beside_images_in_hospitals_is_passed_over(name: str, content: bytes) -> None:
    scan = read_dicom([content, *GOOD], [name, *NAMES])
    assert (scan.volume.hu == made_hu()).all()


@pytest.mark.parametrize("name", ["CT/IM0008", "IM0008.dcm.part", "IM0008.dcm.txt", "a.nii", "x.b"])
def test_a_name_that_is_not_known_for_anything_else_is_an_image(name: str) -> None:
    with pytest.raises(SeriesError, match="should be an image"):
        read_dicom([b"words", *GOOD], [name, *(f"{n}.dcm" for n in NAMES)])
