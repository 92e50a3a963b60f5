"""Results in DICOM, for those who ask for them: SEG and SR of a CT, to a folder, bucket or PACS.

They name the patient and the images as the CT does, or keys in their place. The headers that they
need are read here once more and go to nobody else: rows on their way to a lane have no names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from cluster.stores.contract import Archive
from cluster.stores.dicom_sink import DicomSink, open_sink
from cluster.stores.opening import open_store
from jobs.archive.fetch import headers_of
from jobs.archive.grouping.series import File
from jobs.segment_run.identities import PATIENT
from jobs.segment_run.outcome import Outcome
from segment_actor.anatomy import Schema
from segment_actor.errors import SeriesError
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


def store_results(  # noqa: PLR0913, PLR0917  # what results are made of
    outcome: Outcome,
    layers: Sequence[Layer],
    rows: Sequence[StructureRow],
    schema: Schema,
    settings: DicomSettings,
    files: Sequence[File],
    hidden: Callable[[str], str],
) -> str | None:
    """Makes and stores the results of one CT; a NIfTI file has none.

    Args:
        outcome: of the CT, which was read.
        layers: its label maps.
        rows: what was measured in them.
        schema: of the labels.
        settings: of the run.
        files: of the CT.
        hidden: gives the keyed UID in place of another one.

    Returns:
        Why no result can refer to the images of this CT, which is measured all the same: another
        try would find nothing else.

    Raises:
        SeriesError: a result was not kept, or the headers are no longer to be had: the CT counts
            as failed, so that it is taken up again, and its result sent again.
        SetupError: nothing can be stored there.
    """
    headers = headers_of(_archive(settings.archive), files)
    if not headers:
        return None
    try:
        if settings.identity == PATIENT:
            sources = identified(headers)
        else:
            sources = deidentified(headers, outcome.patient_key, hidden)
        results = _results(outcome, layers, rows, schema, settings, sources)
    except SeriesError as error:
        return error.sentence
    _sink(settings.sink).store(results.values())
    return None


def _results(
    outcome: Outcome,
    layers: Sequence[Layer],
    rows: Sequence[StructureRow],
    schema: Schema,
    settings: DicomSettings,
    sources: Sources,
) -> dict[str, bytes]:
    assert outcome.scan is not None  # there are layers
    origin = Origin(
        volume=sources.volume,
        pipeline_version=settings.pipeline_version,
        software=settings.software,
        written=datetime.now(),  # DICOM's times are local
    )
    return dicom_results(
        layers,
        outcome.scan.grid,
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
