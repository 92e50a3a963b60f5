"""From outcomes to rows of the tables."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.archive.grouping.series import Series
from jobs.segment_run.outcome import Outcome, ScanNote
from stats.contrast_phase import contrast_phase
from stats.quality.codes import scan_verdict
from stats.tables.commit import Row
from stats.tables.stages import SECONDS_COLUMNS

YES_OR_NO = {None: None, True: "yes", False: "no"}
"""Not known is neither."""

AS_READ = (
    "kvp", "slice_thickness_mm", "kernel", "kernel_name", "image_type", "energy_kev",
    "tube_current_ma", "exposure_mas", "ctdi_vol_mgy", "pitch", "reconstruction_diameter_mm",
    "body_part", "height_cm", "weight_kg", "contrast_route", "lossy_ratio", "tilt_corrected_deg",
    "images_left_out", "manufacturer",
)  # fmt: skip
"""Columns of `scans` that have the name and the value of a fact of the header."""


@dataclass(frozen=True, slots=True)
class Method:
    """What every row says about how it was made, beside the stamp.

    Attributes:
        model_set: name of the set.
        label_schema: name of the list of structures.
        resampling: onto the models' grid, such as "order 3".
        spacing_mm: finest voxel spacing of the models' grids.
    """

    model_set: str
    label_schema: str
    resampling: str
    spacing_mm: float


def scan_row(outcome: Outcome, scan: ScanNote, series: Series, method: Method) -> Row:
    """One row of `scans`. What the demographics say of the patient goes before the header."""
    shape_i, shape_j, shape_k = scan.shape
    spacing_i_mm, spacing_j_mm, spacing_k_mm = scan.spacing_mm
    facts = scan.facts
    verdict, reasons = scan_verdict(
        (row.structure, row.voxel_count, row.qc_reasons) for row in outcome.structures
    )
    phase = contrast_phase({row.structure: row for row in outcome.structures}, facts.contrast_agent)
    return {
        "series_key": outcome.series_key,
        "patient_key": series.patient_key,
        "study_key": series.study_key,
        "acquisition_key": series.acquisition_key,
        "scan_day": series.scan_day,
        "age_years": facts.age_years if series.age_years is None else series.age_years,
        "sex": facts.sex if series.sex is None else series.sex,
        "shape_i": shape_i,
        "shape_j": shape_j,
        "shape_k": shape_k,
        "spacing_i_mm": spacing_i_mm,
        "spacing_j_mm": spacing_j_mm,
        "spacing_k_mm": spacing_k_mm,
        "orientation": scan.orientation,
        "field_of_view_mm": shape_k * spacing_k_mm,
        **{column: getattr(facts, column) for column in AS_READ},
        "scanner_model": facts.model,
        "lossy": YES_OR_NO[facts.lossy],
        "contrast_agent": YES_OR_NO[facts.contrast_agent],
        "contrast_phase": phase.name.value,
        "contrast_phase_method": phase.method,
        "contrast_phase_confidence": phase.confidence,
        "structures_measured": sum(row.voxel_count > 0 for row in outcome.structures),
        "qc": verdict.value,
        "qc_reasons": reasons,
        "resampling": method.resampling,
        "model_spacing_mm": method.spacing_mm,
        **{column: outcome.timings.get(stage) for stage, column in SECONDS_COLUMNS.items()},
        "input_version": series.input_version,
        "model_set": method.model_set,
        "label_schema": method.label_schema,
    }


def structure_rows(outcome: Outcome, method: Method) -> list[Row]:
    """One row of `structures` for each structure of the schema."""
    said = {"model_set": method.model_set, "label_schema": method.label_schema}
    return [{**row.record(outcome.series_key), **said} for row in outcome.structures]


def failure_row(outcome: Outcome, series: Series, method: Method) -> Row:
    """One row of `failures`."""
    assert outcome.failure is not None
    return {
        "series_key": outcome.series_key,
        "stage": outcome.failure.stage.value,
        "code": outcome.failure.code.value,
        "sentence": outcome.failure.sentence,
        "attempts": outcome.failure.attempts,
        "input_version": series.input_version,
        "model_set": method.model_set,
    }
