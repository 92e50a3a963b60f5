"""Which files should be images by their names and are none, and in whose folders they lie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from jobs.archive.looking.found import WHOLE, Found, Place, parent_of

DICOM_SUFFIXES: Final = ("", ".dcm", ".dicom", ".ima", ".img")
UNFINISHED_SUFFIXES: Final = (
    ".crdownload", ".download", ".filepart", ".part", ".partial", ".tmp",
)  # fmt: skip
PROGRAMS: Final = (".bat", ".class", ".dll", ".exe", ".inf", ".jar", ".msi", ".so")
"""In the folder of a CD's viewer, a name without a suffix is none of an image."""


@dataclass
class Doubtful:
    """Files that should be an image by their name and are none, and whose images they may be.

    Attributes:
        by_folder: the files; a zip or tar that cannot be opened lies in a folder of its own.
        packed: damaged zips and tars, by the folder in which they lie beside other files.
        suffixes: of the images in each of these folders.
        programs: folders in which a viewer lies.
        explained: folders whose files have made a series suspect.
    """

    by_folder: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))
    packed: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))
    suffixes: dict[str, set[str]] = field(default_factory=dict)
    programs: set[str] = field(default_factory=set)
    explained: set[str] = field(default_factory=set)

    def beside(self, files: Sequence[Found]) -> list[Found]:
        """Those that lie in a folder of these files."""
        mine = {one.folder for one in files}
        folders = sorted(mine & self.by_folder.keys())
        packed = [one for folder in sorted(mine) for one in self.packed.get(folder, ())]
        self.explained.update(folders, (one.folder for one in packed))
        lost = [one for folder in folders for one in self.by_folder[folder]]
        return lost + [one for one in packed if one not in lost]


def doubtful_files(others: Iterable[Found], suffixes: dict[str, set[str]]) -> Doubtful:
    """Which files that are no image should be one.

    Args:
        others: damaged and foreign files, and those that are no image by their name.
        suffixes: of the images, by folder.
    """
    doubtful = Doubtful(suffixes=suffixes)
    some = list(others)
    doubtful.programs = {one.folder for one in some if one.name.suffix in PROGRAMS}
    for one in some:
        if one.place is Place.DAMAGED or (
            one.place is Place.FOREIGN and _should_be_an_image(one, doubtful)
        ):
            doubtful.by_folder[one.folder].append(one)
            if one.member == WHOLE:
                doubtful.packed[parent_of(one.path)].append(one)
    return doubtful


def _should_be_an_image(one: Found, doubtful: Doubtful) -> bool:
    """Whether its name is that of an image: of any, or as those beside it are called."""
    beside = doubtful.suffixes.get(one.folder)
    suffix = one.name.suffix
    if beside is None and suffix == "" and one.folder in doubtful.programs:
        return False
    return (
        suffix in (*DICOM_SUFFIXES, *(UNFINISHED_SUFFIXES if beside else ()))
        or suffix[1:].isdigit()
        or bool((beside or set()).intersection(one.name.suffixes))
    )
