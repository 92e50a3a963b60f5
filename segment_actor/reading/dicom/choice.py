"""Which CT of a folder is meant, where it holds several series, scouts and reports.

The rules are those of an index (`volumes_of`, `one_per_acquisition`); here they have to leave one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydicom import Dataset

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.grouping.candidate import candidate_of
from segment_actor.reading.dicom.grouping.selection import one_per_acquisition
from segment_actor.reading.dicom.grouping.volumes import VolumeOf, volumes_of
from segment_actor.reading.dicom.grouping.why_not import WhyNot
from segment_actor.reading.dicom.series import File, parse_files
from segment_actor.reading.dicom.volume import read_files
from segment_actor.reading.scan import Scan

MOST_NAMED = 12
"""Series in a message; a study has rarely more, an archive thousands."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The files of the CT that is meant.

    Attributes:
        files: of its images; copies of one image are all there.
        left_out: images of the same series that belong to no volume of it.
        elsewhere: images of the same series that are another volume of it.
    """

    files: tuple[File, ...] = field(repr=False)
    left_out: int
    elsewhere: int

    @property
    def headers(self) -> list[Dataset]:
        """Of its files, without pixels."""
        return [file.parsed.header for file in self.files]

    def read(self) -> Scan:
        """The CT. SeriesError: what is wrong with it."""
        return read_files(self.files, left_out=self.left_out, elsewhere=self.elsewhere)


@dataclass(frozen=True, slots=True)
class _Volume:
    """One volume among the files, and why it is not the one that is measured."""

    of: VolumeOf
    number: float | None
    why_not: WhyNot | None


def choose(files: Sequence[bytes], names: Sequence[str] = (), number: int | None = None) -> Choice:
    """The one CT among files, by the rules of selection or by its Series Number.

    Args:
        files: contents, of any number of series.
        names: their names or paths, as of `read_dicom`.
        number: Series Number of the CT that is meant; None leaves it to the rules.

    Raises:
        SeriesError: SEVERAL_SERIES naming the choices, UID_REUSED, or what `parse_files` refuses.
    """
    parsed = parse_files(files, names)
    volumes = _volumes(parsed)
    asked = [one for one in volumes if number is None or one.number == number]
    selected = [one for one in asked if one.why_not is None]
    chosen = selected if len(selected) == 1 else asked
    if len(chosen) != 1:
        raise _several(volumes, asked, number)
    volume = chosen[0].of
    if volume.refusal:
        raise SeriesError(*volume.refusal)
    return Choice(
        files=tuple(parsed[n] for n in volume.images),
        left_out=volume.beside,
        elsewhere=volume.elsewhere,
    )


def _volumes(files: Sequence[File]) -> list[_Volume]:
    """In the order of their numbers."""
    images = [file.image for file in files]
    found = volumes_of(images)
    members = [[images[n] for n in one.images] for one in found]
    studies: dict[tuple[str, str], list[int]] = defaultdict(list)
    for k, ones in enumerate(members):
        studies[ones[0].patient_id, ones[0].study_uid].append(k)
    why_not: dict[int, WhyNot | None] = {}
    for study in studies.values():
        candidates = [candidate_of(members[k], found[k].part) for k in study]
        why_not |= dict(zip(study, one_per_acquisition(candidates), strict=True))
    volumes = [_Volume(one, members[k][0].series_number, why_not[k]) for k, one in enumerate(found)]
    return sorted(volumes, key=lambda one: (one.number is None, one.number or 0))


def _several(
    volumes: Sequence[_Volume], asked: Sequence[_Volume], number: int | None
) -> SeriesError:
    shown = asked or volumes
    numbers = [one.number for one in shown]
    if number is None:
        is_any = any(one.why_not is None for one in volumes)
        left = "no rule leaves one of them" if is_any else "none of them is a CT to measure"
        what = f"The files hold {len(volumes)} series or volumes, and {left}"
    elif asked:
        what = f"{len(asked)} volumes have the series number {number}: phases, or several studies"
    else:
        what = f"No series has the number {number}"
    named = "; ".join(map(_named, shown[:MOST_NAMED])) + "; ..." * (len(shown) > MOST_NAMED)
    told_apart = len(set(numbers)) == len(numbers) and (number is None or not asked)
    remedy = "Name the number of one (--series), or put" if told_apart else "Put"
    return SeriesError(
        FailureCode.SEVERAL_SERIES, f"{what}: {named}. {remedy} each into its own folder."
    )


def _named(one: _Volume) -> str:
    number = "without a number" if one.number is None else f"series {one.number:g}"
    reason = f", {one.why_not.value.replace('_', ' ')}" if one.why_not else ""
    images = len(one.of.images)
    return f"{number} ({images} {'image' if images == 1 else 'images'}{reason})"
