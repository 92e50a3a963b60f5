"""Which files are packed or hold others: by their first bytes, or by their names."""

from __future__ import annotations

from typing import Final, Literal

ZIP_START: Final = b"PK\3\4"
GZIP_START: Final = b"\x1f\x8b"
TAR_MARK: Final = b"ustar"
TAR_MARK_AT: Final = 257

TAR_SUFFIXES: Final = (".tar", ".tar.gz", ".tgz")


def is_zip(start: bytes) -> bool:
    """Whether a file begins as a zip does; .jar and .docx do, too."""
    return start.startswith(ZIP_START)


def is_gzip(start: bytes) -> bool:
    """Whether a file begins as gzip does."""
    return start.startswith(GZIP_START)


def is_tar(start: bytes) -> bool:
    """Whether the first 512 bytes of a file are those of a tar."""
    return start.startswith(TAR_MARK, TAR_MARK_AT)


def container_by_name(name: str) -> Literal["zip", "tar"] | None:
    """What a file should be that is called so; None if its name is that of no container."""
    name = name.lower()
    if name.endswith(".zip"):
        return "zip"
    return "tar" if name.endswith(TAR_SUFFIXES) else None
