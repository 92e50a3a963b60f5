"""DICOM SR: volume and attenuation of each structure, as a Measurement Report (TID 1500).

Not measured is not there: a structure without a voxel is left out, and one whose quality failed
has its verdict and no number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    ReferencedSegment,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from highdicom.sr.coding import CodedConcept
from pydicom.sr.codedict import codes

from segment_actor.anatomy import Schema, Structure
from segment_actor.writing.dicom.codes import OWN, coded, own
from segment_actor.writing.dicom.header import Sources
from segment_actor.writing.dicom.measured import Measured
from segment_actor.writing.dicom.planes import Planes, source_headers
from segment_actor.writing.dicom.seg import Segment
from segment_actor.writing.dicom.stamp import MAKER, date_of, finish
from segment_actor.writing.dicom.uids import NAME, Origin, derived_uid

SERIES_NUMBER = 901

ML: Final = CodedConcept("mL", "UCUM", "milliliter")
HU: Final = CodedConcept("[hnsf'U]", "UCUM", "Hounsfield unit")
VOLUME: Final = CodedConcept("118565006", "SCT", "Volume")
ATTENUATION: Final = CodedConcept("112031", "DCM", "Attenuation Coefficient")

HU_VALUES: Final = {
    "hu_mean": CodedConcept("373098007", "SCT", "Mean"),
    "hu_std": CodedConcept("386136009", "SCT", "Standard Deviation"),
    "hu_median": CodedConcept("373099004", "SCT", "Median"),
}
"""Column of `structures`, and its derivation in CID 7464."""

STATUS: Final = own("status", "Status of the measurement")
STATUS_VALUES: Final = {
    "ok": own("ok", "Complete"),
    "truncated": own("truncated", "Truncated: cut off by the edge of the scan"),
    "implausible": own("implausible", "Implausible: smaller than in any healthy adult"),
}

QUALITY: Final = own("qc", "Quality control")
QUALITY_VALUES: Final = {
    "pass": own("pass", "Pass"),
    "warn": own("warn", "Warning: look at it before use"),
    "fail": own("fail", "Fail: not reported"),
}
FAIL: Final = "fail"


def make_sr(
    rows: Sequence[Measured],
    segments: Mapping[str, Segment],
    schema: Schema,
    planes: Planes,
    sources: Sources,
    origin: Origin,
) -> Comprehensive3DSR | None:
    """A report of what was measured, by a device, verified by nobody.

    Args:
        rows: of the CT.
        segments: structure to its segment; one that has none is left out.
        schema: of the structures.
        planes: the grid of the SEGs.
        sources: the images that were measured.
        origin: of whom its UIDs are derived.

    Returns:
        The data set; None if there is nothing to report.
    """
    groups = [
        _group(
            row, schema.by_id[schema.ids[row.structure]], segments[row.structure], sources, origin
        )
        for row in rows
        if row.volume_ml is not None and row.structure in segments
    ]
    if not groups:
        return None
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=_observer(origin)),
        procedure_reported=CodedConcept("77477000", "SCT", "Computed tomography"),
        imaging_measurements=groups,
    )
    segs = {one.seg.SOPInstanceUID: one.seg for one in segments.values()}
    sr = Comprehensive3DSR(
        evidence=[*source_headers(sources, planes), *segs.values()],
        content=report[0],
        series_instance_uid=origin.uid("sr series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=origin.uid("sr"),
        instance_number=1,
        is_complete=True,
        is_verified=False,
        series_description="ctcohort measurements",
        content_date=date_of(sources, origin).date(),
        content_time=date_of(sources, origin).time(),
        software_versions=origin.software,
        coding_schemes=[CodingSchemeIdentificationItem(designator=OWN, name=NAME)],
        **MAKER,
    )
    finish(sr, sources, origin)
    return sr


def _observer(origin: Origin) -> ObserverContext:
    device = DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", origin.software),
        name=NAME,
        manufacturer_name=NAME,
        model_name=f"{NAME} {origin.software}",
    )
    return ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)


def _group(
    row: Measured, structure: Structure, segment: Segment, sources: Sources, origin: Origin
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    """What is said of one structure."""
    known = coded(structure)
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=origin.uid(f"structure {structure.name}"), identifier=structure.name
        ),
        referenced_segment=ReferencedSegment(
            sop_class_uid=segment.seg.SOPClassUID,
            sop_instance_uid=segment.seg.SOPInstanceUID,
            segment_number=segment.number,
            source_series=SourceSeriesForSegmentation(sources.series_uid),
        ),
        finding_category=known.category,
        finding_type=known.kind,
        finding_sites=[FindingSite(known.site or known.kind, laterality=known.side)],
        algorithm_id=AlgorithmIdentification(
            NAME, origin.software, parameters=[f"pipeline version {origin.pipeline_version}"]
        ),
        measurements=None if row.qc == FAIL else _measurements(row),
        qualitative_evaluations=[
            QualitativeEvaluation(name, values[word])
            for name, values, word in (
                (STATUS, STATUS_VALUES, row.status),
                (QUALITY, QUALITY_VALUES, row.qc),
            )
            if word
        ],
    )


def _measurements(row: Measured) -> list[Measurement]:
    """Its numbers. Beside the decimal text of 16 characters stands the exact number."""
    values = {column: getattr(row, column) for column in HU_VALUES}
    assert row.volume_ml is not None  # else there is no group
    return [
        Measurement(VOLUME, float(row.volume_ml), ML),
        *(
            Measurement(ATTENUATION, float(value), HU, derivation=HU_VALUES[column])
            for column, value in values.items()
            if value is not None
        ),
    ]
