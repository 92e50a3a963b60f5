"""DICOM results beside the masks of one CT, for a PACS or a viewer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydicom import Dataset

from jobs.segment_one_ct.statistics import our_rows
from jobs.segment_run.version import code_version, pipeline_version
from segment_actor.anatomy import load_schema
from segment_actor.errors import SetupError
from segment_actor.execution import Execution
from segment_actor.grid.of_file import StoredGrid
from segment_actor.models.set import ModelSet
from segment_actor.segment import Segmented
from segment_actor.writing.dicom.header import Sources, identified
from segment_actor.writing.dicom.kinds import SegType
from segment_actor.writing.dicom.results import dicom_results
from segment_actor.writing.dicom.uids import Origin


def sources_of(headers: Sequence[Dataset]) -> Sources:
    """What results take from the headers of the CT, before anything is segmented.

    Args:
        headers: of the images that were read; none of a NIfTI file.

    Raises:
        SeriesError: no result can refer to the images.
        SetupError: there are none: the CT is no DICOM.
    """
    if not headers:
        raise SetupError(
            "--dicom needs a CT that is DICOM: a NIfTI file does not say which patient and images "
            "the results belong to. Name the folder or zip of the DICOM series, or leave it out"
        )
    return identified(headers)


def write_dicom(  # noqa: PLR0913, PLR0917  # what results are made of
    folder: Path,
    segmented: Segmented,
    models: ModelSet,
    execution: Execution,
    grid: StoredGrid,
    sources: Sources,
    wanted: Sequence[str],
    seg_type: str,
) -> None:
    """Writes seg.dcm and sr.dcm, as far as they are wanted and there is something to tell.

    They name the patient: a new file is for its owner alone.
    """
    origin = Origin(
        volume=sources.volume,
        pipeline_version=pipeline_version(models, execution),
        software=code_version(),
        written=datetime.now(),  # DICOM's times are local
    )
    rows = our_rows(segmented, models) if "sr" in wanted else []
    files = dicom_results(
        segmented.layers,
        grid,
        load_schema(models.schema),
        rows,
        sources,
        origin,
        wanted=wanted,
        kind=SegType(seg_type),
    )
    for name, content in files.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)
