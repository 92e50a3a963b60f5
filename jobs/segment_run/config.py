"""The settings of one run: one TOML file, flags override it, unknown keys are refused."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

from jobs.archive.grouping.series import ALL, ONE_PER_ACQUISITION
from jobs.segment_run.identities import IDENTITIES, PATIENT
from segment_actor.errors import SetupError
from segment_actor.execution import AUTO, ENGINE_NAMES, PRECISIONS, Precision
from segment_actor.models.fields import Field, FieldError, read_toml, shown
from segment_actor.writing.dicom.kinds import KINDS, SegType

DEVICES = (AUTO, "cpu", "gpu")
"""Of a run: which GPU a lane has is for Ray to say."""

RANGES = {
    "lanes": (1, 10_000),
    "calls_per_lane": (1, 100),
    "commit_every_cts": (1, 1_000_000),
    "commit_every_s": (0.1, 86_400),
    "max_attempts": (1, 1_000),
    "group_timeout_s": (1, 604_800),
}
"""Least and most of each number: what lies beyond is a slip of the hand."""


@dataclass(frozen=True)
class SegmentConfig:
    """Everything `ctcohort segment` can be told; the names are those of the flags and TOML keys.

    Attributes:
        tables: URI of the folder that holds scans, structures, failures and runs.
        archive: URI of the CTs; None takes it from the index.
        index: folder of `ctcohort index`, taken as it is; with an archive, it is brought up to date
            first, and None keeps it beside the site's secret.
        series: which series of a study are measured: one-per-acquisition, or all.
        model_set: built-in name, or path of a model set's TOML.
        address: Ray cluster; None is the cluster of this job or RAY_ADDRESS, else this machine.
        allow_open_cluster: join a Ray cluster that asks nobody for a token.
        lanes: CTs segmented side by side; None lets the cluster's size decide.
        calls_per_lane: CTs a lane holds at a time: while one is measured the next is segmented.
        commit_every_cts: a commit is due after so many CTs ...
        commit_every_s: ... or after so many seconds, whichever comes first.
        demographics: CSV with path, age_years, sex; None takes demographics.csv of the archive.
        labels: URI of a folder for label maps, one .nii.gz a CT; None writes none.
        ages_above_90: give ages of DICOM headers above 90 as they are, instead of as 90.
        dicom_out: URI of a folder, bucket or PACS for results in DICOM; None makes none.
        dicom: which results those are: seg, sr, or both with a comma.
        seg_type: labelmap, or binary for viewers that know nothing else.
        dicom_identity: whom they name: the patient, as a PACS needs it, or nobody (removed).
        retry_failed: take series again that failed before and have not changed since.
        max_attempts: times a CT may end its worker before it is set aside.
        precision: of the networks' arithmetic, float32 or bfloat16; None takes the model set's.
        compat: the tool whose way to take, such as totalsegmentator-2.18; None the model set's.
        engine: that runs the networks, of `ENGINE_NAMES`. Auto is torch on a GPU, and OpenVINO on a
            CPU.
        device: auto (the GPUs of the cluster, if it has any), cpu or gpu.
        group_timeout_s: a class group that has not answered for a CT by then counts as dead.
    """

    tables: str
    archive: str | None = None
    index: str | None = None
    series: str = ONE_PER_ACQUISITION
    model_set: str = "embedded"
    address: str | None = None
    allow_open_cluster: bool = False
    lanes: int | None = None
    calls_per_lane: int = 2
    commit_every_cts: int = 50
    commit_every_s: float = 60.0
    demographics: str | None = None
    labels: str | None = None
    ages_above_90: bool = False
    dicom_out: str | None = None
    dicom: str = "seg,sr"
    seg_type: str = "labelmap"
    dicom_identity: str = PATIENT
    retry_failed: bool = False
    max_attempts: int = 4
    precision: Precision | None = None
    compat: str | None = None
    engine: str = AUTO
    device: str = AUTO
    group_timeout_s: float = 7200.0

    def __post_init__(self) -> None:
        if self.archive is None and self.index is None:
            raise SetupError("Say where the CTs are: --archive URI, or --index FOLDER.")
        if self.archive is None and self.demographics is not None:
            raise SetupError("--demographics needs --archive: an index has the ages already.")
        if self.series not in (ONE_PER_ACQUISITION, ALL):
            raise SetupError(
                f"series must be {ONE_PER_ACQUISITION} or {ALL}; got {shown(self.series)}."
            )
        self._check_numbers()
        self._check_dicom()
        if self.precision not in (None, *PRECISIONS):
            known = ", ".join(PRECISIONS)
            raise SetupError(f"precision must be one of {known}; got {shown(self.precision)}.")
        self._check_engine()

    def _check_numbers(self) -> None:
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:  # so nan is refused, too
                raise SetupError(f"{name} must be from {least:g} to {most:,}, got {shown(value)}.")

    def _check_dicom(self) -> None:
        for name, known in (
            ("dicom", KINDS),
            ("seg_type", tuple(SegType)),
            ("dicom_identity", IDENTITIES),
        ):
            value = getattr(self, name)
            if not set(value.split(",") if name == "dicom" else [value]) <= set(known):
                several = "one or more, with commas, of" if name == "dicom" else "one of"
                raise SetupError(
                    f"{name} must be {several} {', '.join(known)}; got {shown(value)}."
                )

    def _check_engine(self) -> None:
        if self.engine not in ENGINE_NAMES:
            known = ", ".join(ENGINE_NAMES)
            raise SetupError(f"engine must be one of {known}; got {shown(self.engine)}.")
        if self.device not in DEVICES:
            raise SetupError(
                f"device must be one of {', '.join(DEVICES)}; got {shown(self.device)}."
            )


def segment_config(file: Path | None, flags: Mapping[str, object]) -> SegmentConfig:
    """The settings of this run.

    Args:
        file: a TOML file with the keys of `SegmentConfig`, or None.
        flags: what the command line says; None means "not said" and leaves the file's value.

    Raises:
        SetupError: no such file, not TOML, an unknown key, a value of the wrong type, or settings
            that contradict each other.
    """
    said = {key: value for key, value in flags.items() if value is not None}
    settings = (_read_toml(file) if file else {}) | said
    _check(settings, where=str(file) if file else "command line")
    return SegmentConfig(**settings)  # type: ignore[arg-type]  # types were checked key by key


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return {key: field.value for key, field in read_toml(file).fields().items()}
    except OSError as error:
        raise SetupError(f"Cannot read the settings file {file}: {error.strerror}.") from error
    except FieldError as error:
        raise SetupError(f"The settings file {file} cannot be used: {error}.") from error


def _check(settings: Mapping[str, object], where: str) -> None:
    types = get_type_hints(SegmentConfig)
    for key, value in settings.items():
        if key not in types:
            near = difflib.get_close_matches(key, types, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(types)}."
            raise SetupError(f"{where}: unknown key {shown(key)}; {hint}")
        if not _fits(value, types[key]):
            raise SetupError(
                f"{where}: {key} cannot be {shown(value)}; expected {_words(types[key])}."
            )
        if isinstance(value, str):  # an empty path would be the current folder
            _check_text(Field(key, value), where)
    if "tables" not in settings:
        raise SetupError("Say where the results go: --tables URI (or `tables` in the settings).")


def _check_text(field: Field, where: str) -> None:
    try:
        field.text()
    except FieldError as error:
        raise SetupError(f"{where}: {error}; give it a value, or leave it out.") from error


def _fits(value: object, wanted: object) -> bool:
    allowed = _members(wanted)
    if isinstance(value, bool):  # a bool is an int in Python, never in a settings file
        return bool in allowed
    return type(value) in allowed or (float in allowed and isinstance(value, int))


def _members(wanted: object) -> tuple[object, ...]:
    """The plain types of `int | None` and the like; a Literal of texts counts as text."""
    members = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
    return tuple(str if get_origin(m) is Literal else m for m in members)


def _words(wanted: object) -> str:
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    return " or ".join(names[t] for t in _members(wanted) if t is not NoneType)  # type: ignore[index]
