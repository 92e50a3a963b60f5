"""Results in DICOM, for those who ask for them: SEG and SR of a CT, to a folder, bucket or PACS.

They name the patient and the images as the CT does, or keys in their place. The headers that they
need are read here once more and go to nobody else: rows on their way to a lane have no names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from cluster.stores.contract import Archive
from cluster.stores.dicom_sink import DicomSink, open_sink
from cluster.stores.opening import open_store
from jobs.archive.fetch import headers_of
from jobs.segment_run.attempts import Actor
from jobs.segment_run.file_lists import files_of, hidden_uids
from jobs.segment_run.identities import PATIENT
from jobs.segment_run.outcome import Outcome, ScanNote
from segment_actor.anatomy import Schema
from segment_actor.layers import Layer
from segment_actor.writing.dicom.header import Sources, deidentified, identified
from segment_actor.writing.dicom.kinds import SegType
from segment_actor.writing.dicom.results import dicom_results
from segment_actor.writing.dicom.uids import Origin
from stats.measure import StructureRow


@dataclass(frozen=True)
class DicomSettings:
    """Which results are made, and where they go.

    Attributes:
        archive: URI of the CTs, whose headers are read again.
        sink: URI of a folder, bucket or PACS.
        wanted: of seg and sr.
        seg_type: labelmap or binary.
        identity: of `IDENTITIES`.
        pipeline_version: of the run; a result of the same version replaces itself.
        software: version of this code.
    """

    archive: str
    sink: str
    wanted: tuple[str, ...]
    seg_type: str
    identity: str
    pipeline_version: str
    software: str


def store_results(
    outcome: Outcome,
    layers: Sequence[Layer],
    rows: Sequence[StructureRow],
    schema: Schema,
    settings: DicomSettings,
    file_lists: Actor,
) -> None:
    """Makes and stores the results of one CT; a NIfTI file has none.

    Raises:
        SeriesError: no result can refer to its images, or one was not kept.
        SetupError: nothing can be stored there.
    """
    scan = outcome.scan
    assert scan is not None
    sources = _sources(outcome, settings, file_lists)
    if sources is not None:
        sink = _sink(settings.sink)
        sink.store(_results(outcome, scan, layers, rows, schema, settings, sources).values())


def _sources(outcome: Outcome, settings: DicomSettings, file_lists: Actor) -> Sources | None:
    files = files_of(file_lists, outcome.number)
    headers = headers_of(_archive(settings.archive), files)
    if not headers:
        return None
    if settings.identity == PATIENT:
        return identified(headers)
    return deidentified(headers, outcome.patient_key, hidden_uids(file_lists))


def _results(  # noqa: PLR0913, PLR0917  # what results are made of
    outcome: Outcome,
    scan: ScanNote,
    layers: Sequence[Layer],
    rows: Sequence[StructureRow],
    schema: Schema,
    settings: DicomSettings,
    sources: Sources,
) -> dict[str, bytes]:
    origin = Origin(
        series=outcome.series_key,
        pipeline_version=settings.pipeline_version,
        software=settings.software,
        written=datetime.now(),  # DICOM's times are local
    )
    return dicom_results(
        layers,
        scan.grid,
        schema,
        rows,
        sources,
        origin,
        wanted=settings.wanted,
        kind=SegType(settings.seg_type),
    )


@cache
def _archive(uri: str) -> Archive:
    """One connection a lane."""
    return open_store(uri)


@cache
def _sink(uri: str) -> DicomSink:
    """Likewise."""
    return open_sink(uri)
