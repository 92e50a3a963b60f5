"""Measurements as DICOM SR, read back by highdicom, dcmqi's and DCMTK's kin."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_actor.anatomy import load_schema
from segment_actor.writing.dicom.header import identified
from segment_actor.writing.dicom.kinds import SegType
from segment_actor.writing.dicom.results import dicom_results
from segment_actor.writing.dicom.uids import Origin
from stats.measure import StructureRow
from tests.support.dicom_series import labelled_series

SCHEMA = load_schema("total_v2")
ORIGIN = Origin("series", "method", "0.2.0", datetime(2026, 1, 31, 12, 30))

DRAWN = np.random.default_rng(0).integers(0, 6, (5, 6, 7), np.uint8)
SERIES = labelled_series(np.where(DRAWN == 1, 0, DRAWN).astype(np.uint8))
OK = StructureRow(
    "liver",
    voxel_count=3,
    volume_ml=1234.5678901234567,
    hu_mean=-57.123456789012345,
    hu_std=12.5,
    hu_median=-56.5,
    status="ok",
    qc="pass",
)


def results(rows: Sequence[StructureRow], kind: SegType = SegType.LABELMAP) -> dict[str, bytes]:
    layer, sources = SERIES.layer([1, 2, 3, 4, 5]), identified(SERIES.headers)
    return dicom_results([layer], SERIES.grid, SCHEMA, rows, sources, ORIGIN, kind=kind)


def groups_of(data: bytes) -> dict[str, Any]:
    """Name of a structure to what highdicom reads of it."""
    document = hd.sr.Comprehensive3DSR.from_dataset(pydicom.dcmread(io.BytesIO(data)))
    report: Any = document.content
    found = report.get_volumetric_roi_measurement_groups()
    return {group.tracking_identifier: group for group in found}


def numbers_of(group: Any) -> dict[tuple[str, str | None, str], tuple[float, str]]:
    """Name, derivation and unit to the exact number and its decimal text."""
    numbers = {}
    for one in group.get_measurements():
        value = one[0].MeasuredValueSequence[0]
        what = one.derivation.meaning if one.derivation else None
        numbers[one.name.meaning, what, one.unit.value] = (
            value.FloatingPointValue,
            value.NumericValue.original_string,
        )
    return numbers


@given(
    volume_ml=st.floats(1e-3, 1e5),
    hu=st.tuples(*[st.floats(-1024, 3071)] * 3),
)
@settings(max_examples=15, deadline=None)
def test_numbers_are_those_of_the_table_bit_by_bit(
    volume_ml: float, hu: tuple[float, float, float]
) -> None:
    row = replace(OK, volume_ml=volume_ml, hu_mean=hu[0], hu_std=hu[1], hu_median=hu[2])
    numbers = numbers_of(groups_of(results([row])["sr.dcm"])["liver"])
    expected = {
        ("Volume", None, "mL"): volume_ml,
        ("Attenuation Coefficient", "Mean", "[hnsf'U]"): hu[0],
        ("Attenuation Coefficient", "Standard Deviation", "[hnsf'U]"): hu[1],
        ("Attenuation Coefficient", "Median", "[hnsf'U]"): hu[2],
    }
    assert {what: exact for what, (exact, _) in numbers.items()} == expected
    for what, (_, text) in numbers.items():
        assert len(text) <= 16
        assert float(text) == pytest.approx(expected[what], rel=1e-8, abs=1e-12)


def test_what_is_absent_is_left_out_and_never_zero() -> None:
    absent = StructureRow("kidney_right", voxel_count=0)
    assert set(groups_of(results([absent, OK])["sr.dcm"])) == {"liver"}
    assert "sr.dcm" not in results([absent])


def evaluations(data: bytes, structure: str) -> dict[str, str]:
    found = groups_of(data)[structure].get_qualitative_evaluations()
    said = {one.name.meaning: one.value.value for one in found}
    assert said.pop("Finding category") == "91723000"  # highdicom counts it among them
    return said


def test_what_is_truncated_says_so_beside_its_numbers() -> None:
    data = results([replace(OK, status="truncated", qc="warn")])["sr.dcm"]
    assert evaluations(data, "liver") == {
        "Status of the measurement": "truncated",
        "Quality control": "warn",
    }
    assert numbers_of(groups_of(data)["liver"])


def test_what_fails_quality_has_its_verdict_and_no_number() -> None:
    data = results([replace(OK, qc="fail")])["sr.dcm"]
    assert evaluations(data, "liver")["Quality control"] == "fail"
    assert numbers_of(groups_of(data)["liver"]) == {}


def test_what_was_not_judged_claims_no_quality() -> None:
    data = results([replace(OK, qc=None)])["sr.dcm"]
    assert evaluations(data, "liver") == {"Status of the measurement": "ok"}


@pytest.mark.parametrize("kind", list(SegType))
def test_each_group_refers_to_its_segment_and_says_what_it_is(kind: SegType) -> None:
    rows = [OK, replace(OK, structure="kidney_left")]
    files = results(rows, kind)
    seg = hd.seg.segread(io.BytesIO(files["seg.dcm"]))
    for name, group in groups_of(files["sr.dcm"]).items():
        (reference,) = group.referenced_segment.referenced_segment_numbers
        segment = seg.get_segment_description(reference)
        assert group.referenced_segment.referenced_sop_instance_uid == seg.SOPInstanceUID
        assert group.referenced_segment.referenced_sop_class_uid == seg.SOPClassUID
        assert (segment.tracking_id, segment.tracking_uid) == (name, group.tracking_uid)
        assert group.finding_type == segment.segmented_property_type
    (site,) = groups_of(files["sr.dcm"])["kidney_left"].finding_sites
    assert site.laterality.meaning == "Left"


def test_a_report_is_of_a_device_and_unverified() -> None:
    sr = pydicom.dcmread(io.BytesIO(results([OK])["sr.dcm"]))
    assert (sr.VerificationFlag, sr.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert sr.SOPClassUID == pydicom.uid.Comprehensive3DSRStorage
    assert sr.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    texts = {
        item.ConceptNameCodeSequence[0].CodeMeaning: item.get("TextValue")
        for item in sr.ContentSequence
    }
    assert texts["Device Observer Name"] == "ctcohort"
    (study,) = sr.CurrentRequestedProcedureEvidenceSequence
    images = {series.SeriesInstanceUID: series for series in study.ReferencedSeriesSequence}
    ct = images.pop(SERIES.headers[0].SeriesInstanceUID)
    assert len(ct.ReferencedSOPSequence) == len(SERIES.headers)
    (seg,) = images.values()
    assert len(seg.ReferencedSOPSequence) == 1


def test_dciodvfy_finds_no_error_in_a_report_on_a_binary_seg(tmp_path: Path) -> None:
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is not installed (apt-get install dicom3tools)")
    rows = [
        OK,
        replace(OK, structure="kidney_right", qc="fail"),
        replace(OK, structure="kidney_left"),
    ]
    (tmp_path / "sr.dcm").write_bytes(results(rows, SegType.BINARY)["sr.dcm"])
    done = subprocess.run([program, tmp_path / "sr.dcm"], capture_output=True, text=True)  # noqa: PLW1510  # its code is not its verdict
    assert "Comprehensive3DSR" in done.stderr
    assert "Error" not in done.stderr
