"""Which files beside the images of a series may be passed over.

An image that was emptied, cut to its first bytes or overwritten (by the error page of a server,
say) is no DICOM file any more. Were it passed over, a CT that lost its first or last slice would be
measured as if it were whole: no gap gives it away. So what is no DICOM file is refused, unless its
NAME says that it never was an image: content alone cannot tell a README from a slice that a README
has overwritten. A side file under a name that is not known here costs a refusal with a sentence, a
slice passed over would cost a wrong number.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.file.encoding import is_dicom
from segment_actor.reading.packed import is_gzip, is_tar, is_zip

SIDE_NAMES = frozenset({
    "authors", "autorun", "changelog", "changes", "checksums", "copying", "copyright", "dicomdir",
    "index", "install", "licence", "license", "lockfile", "manifest", "md5sum", "md5sums", "news",
    "notice", "readme", "release", "sha1sums", "sha256sums", "sha512sums", "version",
})  # fmt: skip
"""Names without a suffix that CDs, viewers and exports put beside images."""

SIDE_SUFFIXES = frozenset({
    ".avi", ".bat", ".bmp", ".cab", ".cfg", ".chm", ".class", ".cmd", ".conf", ".css", ".csv",
    ".db", ".dll", ".doc", ".docx", ".dtd", ".exe", ".gif", ".hlp", ".htm", ".html", ".icns",
    ".ico", ".inf", ".ini", ".jar", ".jpeg", ".jpg", ".js", ".json", ".lnk", ".log", ".md",
    ".md5", ".mp4", ".msi", ".ocx", ".pdf", ".plist", ".png", ".ppt", ".pptx", ".properties",
    ".rtf", ".sh", ".sha1", ".sha256", ".sha512", ".so", ".svg", ".tif", ".tiff", ".tsv", ".ttf",
    ".txt", ".url", ".wav", ".xls", ".xlsx", ".xml", ".xsd", ".xsl", ".yaml", ".yml",
})  # fmt: skip
"""Suffixes of documents, pictures and programs. None of them is used for DICOM images."""


def is_side_file(name: str) -> bool:
    """Whether the name alone, or the path, says that a file never was an image."""
    path = PurePosixPath(name.lower())
    return is_hidden(name) or path.name in SIDE_NAMES or path.suffix in SIDE_SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether a path leads to what computers keep for themselves, such as the bin."""
    return any(part.startswith((".", "__macosx")) for part in PurePosixPath(name.lower()).parts)


def is_never_opened(name: str) -> bool:
    """Whether not even the content of a file would make it an image: hidden, or a DICOMDIR."""
    return is_hidden(name) or PurePosixPath(name.lower()).name == "dicomdir"


def check_side_files(files: Sequence[bytes], names: Sequence[str]) -> None:
    """Refuses a series with a file that is no DICOM file and not known to be something else.

    Args:
        files: contents.
        names: their names or paths, in the same order; () takes every file for an image.

    Raises:
        SeriesError: UNREADABLE_FILE.
    """
    named = list(zip(names or [""] * len(files), files, strict=True))
    packed = sum(_is_packed(file) and not is_side_file(name) for name, file in named)
    if packed:
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            f"Among the files are packed ones (zip, gzip, tar: {packed} of {len(files)}); within a "
            "folder, zip or tar they are not looked into. Unpack them, and remove the packed ones.",
        )
    if not any(map(is_dicom, files)):
        return
    of_images = {suffix for name, file in named if is_dicom(file) for suffix in _suffixes(name)}
    damaged = sum(
        not is_dicom(file) and (not is_side_file(name) or _is_of_images(name, of_images))
        for name, file in named
    )
    if damaged:
        raise SeriesError(
            FailureCode.UNREADABLE_FILE,
            f"Of the {len(files)} files, {damaged} should be an image and hold none: empty, cut "
            "off or overwritten. Copy the series again, and remove what does not belong to it.",
        )


def _is_of_images(name: str, suffixes: set[str]) -> bool:
    """Whether a file is named as the images are; also 7.dcm.txt."""
    return not is_hidden(name) and not suffixes.isdisjoint(_suffixes(name))


def _is_packed(file: bytes) -> bool:
    """Whether it is a zip, gzip or tar; .jar and .docx are, too, and known by their names."""
    return is_zip(file) or is_gzip(file) or is_tar(file)


def _suffixes(name: str) -> list[str]:
    return PurePosixPath(name.lower()).suffixes
