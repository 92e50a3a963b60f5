"""From files to series: which of them form one CT, and which file belongs to none.

    images of one series UID -> volumes, a draft each
    files that are damaged   -> the drafts that may lack them, or a draft of their own
    drafts of one study      -> what is measured of each acquisition

A series is measured whole or refused. A file that is damaged beyond its header names no series: it
may be an image of any that lies in its folder. So it counts among the files of all of these, and
the reader refuses them; but a series whose headers say how many images it has, and that has them,
is whole without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import PurePosixPath

from jobs.archive.grouping.doubtful import Doubtful
from jobs.archive.looking.found import WHOLE, Found
from segment_actor.reading.dicom.grouping.candidate import Candidate, candidate_of
from segment_actor.reading.dicom.grouping.volumes import volumes_of
from segment_actor.reading.dicom.grouping.why_not import WhyNot
from segment_actor.reading.dicom.image import Image
from segment_actor.reading.packed import container_by_name
from segment_actor.reading.series import Kind


@dataclass(frozen=True, slots=True)
class Draft:
    """A series before it has keys.

    Attributes:
        kind: how it is read.
        files: to fetch.
        first: an image of it; None if none of its files could be told.
        part: what tells it from the other volumes of its series UID; "" if it is alone.
        candidate: what selection needs to know; None where there is nothing to select.
        left_out: images of its series that belong to no volume.
        elsewhere: images of its series that are another volume.
    """

    kind: Kind
    files: tuple[Found, ...]
    first: Image | None = None
    part: str = ""
    candidate: Candidate | None = None
    left_out: int = 0
    elsewhere: int = 0

    @property
    def path(self) -> str:
        """The folder, or the file, that holds all of it."""
        if len(self.files) == 1 and self.kind != "dicom":
            only = self.files[0]
            return f"{only.path}!{only.member}" if only.member else only.path
        folders = {one.folder for one in self.files}
        return _common_folder(folders)


def drafts_of_images(images: Iterable[Found], doubtful: Doubtful) -> Iterator[Draft]:
    """Drafts of all images.

    Args:
        images: sorted by their series UID.
        doubtful: of the archive; what is found of them is noted there.
    """
    for uid, group in groupby(images, key=lambda one: one.image.series_uid if one.image else ""):
        found = list(group)
        if uid:
            yield from _volumes(found, doubtful)
        else:  # nobody can tell to which series they belong; the reader says so
            for _, some in groupby(sorted(found, key=_place), key=lambda one: one.folder):
                files = tuple(some)
                yield Draft("dicom", (*files, *doubtful.beside(files)), files[0].image)


def _place(found: Found) -> tuple[str, str, str]:
    return found.folder, found.path, found.member or ""


def _volumes(found: Sequence[Found], doubtful: Doubtful) -> Iterator[Draft]:
    images = [one.image for one in found if one.image is not None]
    for volume in volumes_of(images):
        files = tuple(found[n] for n in volume.images)
        mine = [images[n] for n in volume.images]
        others = volume.beside + volume.elsewhere
        lost = () if _say_they_are_whole(mine, others) else tuple(doubtful.beside(files))
        yield Draft(
            "dicom",
            (*files, *lost),
            mine[0],
            volume.part,
            None if volume.refusal else _candidate(mine, volume.part, short=bool(lost)),
            volume.beside,
            volume.elsewhere,
        )


def _candidate(images: Sequence[Image], part: str, *, short: bool) -> Candidate:
    """What selection needs; a volume that may lack images is refused and not left out for it."""
    found = candidate_of(images, part)
    is_small = found.why_not in {WhyNot.TOO_FEW, WhyNot.ONE_PLACE}
    return replace(found, why_not=None) if short and is_small else found


def _say_they_are_whole(images: Sequence[Image], others: int) -> bool:
    """Whether all headers count as many images of the series as there are."""
    count = len({one.sop_uid for one in images}) + others
    return {one.in_series for one in images} == {float(count)}


def draft_of_nifti(found: Found) -> Draft:
    """The draft of a NIfTI file; the reader looks at it."""
    return Draft("nifti", (found,))


def draft_of_container(found: Found) -> Draft:
    """A container as a whole, of whose files none could be told.

    Args:
        found: it, or one of its files.
    """
    kind = container_by_name(found.path) or "zip"
    return Draft(kind, (replace(found, member=WHOLE, image=None),))


def drafts_of_doubtful(doubtful: Doubtful) -> Iterator[Draft]:
    """A draft a folder whose doubtful files are no image of any series: one bad file is one row."""
    for folder, files in sorted(doubtful.by_folder.items()):
        if folder not in doubtful.explained:
            inside = files[0].member is not None
            yield draft_of_container(files[0]) if inside else Draft("dicom", tuple(files))


def _common_folder(folders: Iterable[str]) -> str:
    parts = [PurePosixPath(folder).parts for folder in folders]
    common: list[str] = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        common.append(level[0])
    return str(PurePosixPath(*common)) if common else "."
