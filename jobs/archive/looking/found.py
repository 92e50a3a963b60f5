"""What an archive's objects hold: one row an image or other file, as a Parquet table.

An object may be a file of its own or hold many (a zip, a tar, a series of a PACS): a file is
addressed by the path of its object and its name in there. The rows are kept, so that an object is
opened once as long as it does not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow as pa

from segment_actor.reading.dicom.image import Image


class Place(StrEnum):
    """What a file is, by its content. None is without one."""

    IMAGE = "image"
    """A DICOM object with a header that can be read; not only CT."""
    NIFTI = "nifti"
    NOT_AN_IMAGE = "not_an_image"
    """By its name (a README, a viewer's program), or a DICOMDIR."""
    FOREIGN = "foreign"
    """No DICOM, under a name that says nothing: an overwritten image, or something else."""
    DAMAGED = "damaged"
    """It begins as DICOM, or as a zip or tar, and cannot be read."""


WHOLE: Final = ""
"""In place of a file's name in a container: the container itself."""


@dataclass(frozen=True, slots=True)
class Found:
    """One file of an archive.

    Attributes:
        path: of its object, relative to the archive.
        member: its name in the object; None if it is the object, WHOLE for an object that should
            hold many and of which nothing could be told.
        size_bytes: of the file.
        version: of the object.
        place: what it is.
        image: its header, if it is an image.
    """

    path: str
    member: str | None
    size_bytes: int
    version: str
    place: Place
    image: Image | None = None

    @property
    def name(self) -> PurePosixPath:
        """Where it lies, for people and for rules about names; lower case."""
        return PurePosixPath((self.member or self.path).lower())

    @property
    def folder(self) -> str:
        """The folder or the object that it lies in."""
        if self.member is not None:
            return self.path
        return parent_of(self.path)


def parent_of(path: str) -> str:
    """The folder in which an object lies."""
    return path.rpartition("/")[0] or "."


_TEXT_LISTS: Final = ("image_type", "irradiation_events")
_NUMBER_LISTS: Final = ("spacing_mm", "orientation", "position_mm")
_WHOLE: Final = ("rows", "columns", "samples", "frames")
_NUMBERS: Final = (
    "series_number", "instance_number", "acquisition_number", "temporal_position", "in_series",
    "in_acquisition", "slice_thickness_mm", "kv_peak",
)  # fmt: skip
IMAGE_FIELDS: Final = tuple(field.name for field in fields(Image))


def _kind(name: str) -> pa.DataType:
    if name in _TEXT_LISTS:
        return pa.list_(pa.string())
    if name in _NUMBER_LISTS:
        return pa.list_(pa.float64())
    if name in _WHOLE:
        return pa.int64()
    if name in _NUMBERS:
        return pa.float64()
    return pa.bool_() if name == "burned_in" else pa.string()


FOUND: Final = pa.schema(
    [
        ("path", pa.string()),
        ("member", pa.string()),
        ("size_bytes", pa.int64()),
        ("version", pa.string()),
        ("place", pa.string()),
        ("folder", pa.string()),
        *((name, _kind(name)) for name in IMAGE_FIELDS),
    ]
)
"""All rows; the columns of `Image` are empty for what is none."""

_OWN: Final = ("path", "member", "size_bytes", "version", "place", "folder")
_NOTHING: Final = dict.fromkeys(IMAGE_FIELDS)


def to_rows(found: Iterable[Found]) -> list[dict[str, Any]]:
    """Rows of `FOUND`, as plain values."""
    return [
        {name: getattr(one, name) for name in _OWN}
        | (
            {name: getattr(one.image, name) for name in IMAGE_FIELDS}
            if one.image is not None
            else _NOTHING
        )
        for one in found
    ]


def to_table(found: Iterable[Found]) -> pa.Table:
    """Rows of `FOUND`."""
    return pa.Table.from_pylist(to_rows(found), schema=FOUND)


def from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Found]:
    """Back from rows of `FOUND`."""
    for row in rows:
        place = Place(row["place"])
        image = None
        if place is Place.IMAGE:
            said = {name: row[name] for name in IMAGE_FIELDS}
            said |= {name: tuple(said[name] or ()) for name in (*_TEXT_LISTS, *_NUMBER_LISTS)}
            image = Image(**said)
        yield Found(row["path"], row["member"], row["size_bytes"], row["version"], place, image)
