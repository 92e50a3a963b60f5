"""The tables: each column with its type, its unit and its meaning in plain words.

`scans` has one row a CT series, `structures` one row a series and structure, `failures` one row a
series that could not be measured, `runs` one row a run. Not measured is NULL, never 0.
Unit and meaning travel in the field metadata, and so into the Delta log and every Parquet reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from segment_actor.errors import SetupError
from stats.tables.stages import Stage

TableName = str
"""Of a table of `TABLES`."""

PARTITION = "run_date"
"""Every table is partitioned by it: `run_date=2026-01-31/`."""

_TEXT = pa.string()
_COUNT = pa.int64()
_NUMBER = pa.float64()
_FLAG = pa.bool_()
_INSTANT = pa.timestamp("us", tz="UTC")


def _column(
    name: str, kind: pa.DataType, meaning: str, unit: str | None = None, *, required: bool = False
) -> pa.Field:
    metadata = {"description": meaning} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=not required, metadata=metadata)


_SERIES = _column(
    "series_key", _TEXT, "Pseudonym of the CT series; the hospital keeps the link.", required=True
)
_STAMP = (
    _column(
        "pipeline_version",
        _TEXT,
        "Fingerprint of models, label schema, settings and measurement; other value, other method.",
        required=True,
    ),
    _column("run_id", _TEXT, "The run that wrote this row; see table runs.", required=True),
    _column("run_date", _TEXT, "UTC day on which that run began, YYYY-MM-DD.", required=True),
    _column("commit_seq", _COUNT, "Number of the commit that wrote this row.", required=True),
)

SCANS = pa.schema(
    [
        _SERIES,
        _column("patient_key", _TEXT, "Pseudonym of the patient; NULL if not known."),
        _column("study_key", _TEXT, "Pseudonym of the study (one visit); NULL if not known."),
        _column(
            "acquisition_key",
            _TEXT,
            "Pseudonym of the acquisition: one pass of the scanner, of which there may be several "
            "reconstructions. NULL if not known.",
        ),
        _column(
            "scan_day",
            _COUNT,
            "Day of the scan, counted from a day that is secret and another one for each patient: "
            "only differences within one patient mean something. NULL if not known.",
            "days",
        ),
        _column(
            "age_years",
            _NUMBER,
            "Age of the patient at the scan. From DICOM whole years, and 90 means 90 or more, "
            "unless the run had --ages-above-90.",
            "years",
        ),
        _column("sex", _TEXT, "M, F or O; NULL if not known."),
        _column("shape_i", _COUNT, "Voxels from left to right.", "voxels"),
        _column("shape_j", _COUNT, "Voxels from back to front.", "voxels"),
        _column("shape_k", _COUNT, "Voxels from feet to head (slices).", "voxels"),
        _column("spacing_i_mm", _NUMBER, "Voxel spacing from left to right.", "mm"),
        _column("spacing_j_mm", _NUMBER, "Voxel spacing from back to front.", "mm"),
        _column("spacing_k_mm", _NUMBER, "Voxel spacing from feet to head.", "mm"),
        _column("orientation", _TEXT, "Axes as stored in the file, e.g. LPS; measured in RAS."),
        _column("field_of_view_mm", _NUMBER, "Length of the scan from feet to head.", "mm"),
        _column(
            "manufacturer",
            _TEXT,
            "Maker of the scanner, from DICOM, one spelling each; other if it is on no list "
            "(docs/reference/header.md).",
        ),
        _column(
            "scanner_model",
            _TEXT,
            "Name of the scanner, from DICOM, or its family if only that is on the list; other if "
            "neither is.",
        ),
        _column("kvp", _NUMBER, "Peak tube voltage, from DICOM.", "kV"),
        _column("slice_thickness_mm", _NUMBER, "Slice thickness, from DICOM.", "mm"),
        _column("kernel", _TEXT, "Reconstruction kernel, from DICOM: soft or sharp; else NULL."),
        _column(
            "kernel_name",
            _TEXT,
            "The maker's name of that kernel, of Siemens with the strength of the iterative "
            "reconstruction (Br40d\\3); other if it is on no list.",
        ),
        _column(
            "image_type",
            _TEXT,
            "Image Type, from DICOM, with a backslash between words; other for each on no list.",
        ),
        _column("energy_kev", _NUMBER, "Energy of a virtual monoenergetic image.", "keV"),
        _column("tube_current_ma", _NUMBER, "X-ray tube current, mean of the images.", "mA"),
        _column("exposure_mas", _NUMBER, "X-ray exposure, mean of the images.", "mAs"),
        _column("ctdi_vol_mgy", _NUMBER, "Dose index CTDIvol, mean of the images.", "mGy"),
        _column("pitch", _NUMBER, "Spiral pitch factor; NULL if there was no spiral.", "ratio"),
        _column(
            "reconstruction_diameter_mm",
            _NUMBER,
            "Diameter of the field that was reconstructed.",
            "mm",
        ),
        _column("body_part", _TEXT, "Body Part Examined, from DICOM; other if on no list."),
        _column("height_cm", _NUMBER, "Height of the patient, from DICOM.", "cm"),
        _column("weight_kg", _NUMBER, "Weight of the patient, from DICOM.", "kg"),
        _column(
            "contrast_agent",
            _TEXT,
            "yes or no, from DICOM; NULL if the header is silent, which is not no.",
        ),
        _column(
            "contrast_route",
            _TEXT,
            "IV, ORAL, RECTAL and so on, with a backslash between them; else other.",
        ),
        _column(
            "lossy",
            _TEXT,
            "yes or no: whether the pixels were compressed with losses; NULL if not known.",
        ),
        _column("lossy_ratio", _NUMBER, "Of that compression, the largest.", "ratio"),
        _column(
            "tilt_corrected_deg",
            _NUMBER,
            "Tilt of the gantry that was straightened before segmenting; NULL if there was none.",
            "degrees",
        ),
        _column(
            "images_left_out",
            _COUNT,
            "Images of the series that belong to no volume of it: scouts, dose pictures.",
            "images",
        ),
        _column(
            "contrast_phase",
            _TEXT,
            "native, arterial, portal_venous, late or unknown (docs/reference/contrast.md).",
        ),
        _column("contrast_phase_method", _TEXT, "What it was told by: header, or measured HU."),
        _column(
            "contrast_phase_confidence", _NUMBER, "How sure that phase is, 0 to 1.", "fraction"
        ),
        _column("structures_measured", _COUNT, "Structures with at least one voxel.", "structures"),
        _column(
            "qc",
            _TEXT,
            "pass, warn or fail: fail if it concerns the whole CT, warn if structures have "
            "findings (docs/reference/quality.md).",
        ),
        _column("qc_reasons", _TEXT, "Codes and their structures, joined by '; '; NULL if none."),
        _column("resampling", _TEXT, "Way to the model grid: order 3, or the tool it repeats."),
        _column("model_spacing_mm", _NUMBER, "Finest voxel spacing of the models' grids.", "mm"),
        _column("fetch_s", _NUMBER, "Time to fetch the series from the archive.", "s"),
        _column("read_s", _NUMBER, "Time to decode and check it.", "s"),
        _column("resample_s", _NUMBER, "Time to resample it to the model grid.", "s"),
        _column("network_s", _NUMBER, "Time from model grid to painted labels, all groups.", "s"),
        _column("measure_s", _NUMBER, "Time to measure all structures.", "s"),
        _column("input_version", _TEXT, "Fingerprint of the series' files when they were listed."),
        _column("model_set", _TEXT, "Name of the model set that segmented it."),
        _column("label_schema", _TEXT, "Name of the list of structures, e.g. paper104."),
        *_STAMP,
    ]
)

STRUCTURES = pa.schema(
    [
        _SERIES,
        _column("structure", _TEXT, "Name of the structure, e.g. kidney_left.", required=True),
        _column("voxel_count", _COUNT, "Voxels of the original CT in the structure.", "voxels"),
        _column("volume_ml", _NUMBER, "Volume; NULL if absent.", "ml"),
        _column("hu_mean", _NUMBER, "Mean attenuation.", "HU"),
        _column("hu_std", _NUMBER, "Population standard deviation of attenuation.", "HU"),
        _column("hu_min", _COUNT, "Lowest attenuation.", "HU"),
        _column("hu_max", _COUNT, "Highest attenuation.", "HU"),
        _column("hu_p05", _NUMBER, "5th percentile of attenuation, exact.", "HU"),
        _column("hu_p25", _NUMBER, "25th percentile of attenuation, exact.", "HU"),
        _column("hu_median", _NUMBER, "Median attenuation, exact.", "HU"),
        _column("hu_p75", _NUMBER, "75th percentile of attenuation, exact.", "HU"),
        _column("hu_p95", _NUMBER, "95th percentile of attenuation, exact.", "HU"),
        _column(
            "touches_border",
            _FLAG,
            "True if a voxel lies at the edge of what was scanned: one of the CT's six faces, or "
            "where the scanner's round field of view ends.",
        ),
        _column("components", _COUNT, "Separate pieces on the model grid, joined by faces."),
        _column(
            "largest_component_fraction", _NUMBER, "Share of the largest piece, 0 to 1.", "fraction"
        ),
        _column("centroid_r_mm", _NUMBER, "Centroid, to the right of the CT's first voxel.", "mm"),
        _column("centroid_a_mm", _NUMBER, "Centroid, in front of the CT's first voxel.", "mm"),
        _column("centroid_s_mm", _NUMBER, "Centroid, above the CT's first voxel.", "mm"),
        _column(
            "qc",
            _TEXT,
            "pass, warn or fail: the worst of its findings and of those on the whole CT.",
        ),
        _column("qc_reasons", _TEXT, "Codes of view qc_codes, joined by '; '; NULL if none."),
        _column(
            "status",
            _TEXT,
            "ok; absent: no voxel found; truncated: cut by the field of view, values kept; "
            "implausible: smaller than the schema's lower volume.",
            required=True,
        ),
        _column("model_set", _TEXT, "Name of the model set that segmented it."),
        _column("label_schema", _TEXT, "Name of the list of structures, e.g. paper104."),
        *_STAMP,
    ]
)

FAILURES = pa.schema(
    [
        _SERIES,
        _column("stage", _TEXT, f"Where it failed: {', '.join(Stage)}."),
        _column(
            "code", _TEXT, "Kind of failure, for grouping, e.g. truncated_file.", required=True
        ),
        _column("sentence", _TEXT, "What is wrong and what to do about it.", required=True),
        _column("attempts", _COUNT, "Tries of that stage in this run, this one included.", "tries"),
        _column("input_version", _TEXT, "Fingerprint of the series' files when they were listed."),
        _column("model_set", _TEXT, "Name of the model set of the run."),
        *_STAMP,
    ]
)

RUNS = pa.schema(
    [
        _column("run_id", _TEXT, "Name of this run.", required=True),
        _column("started_at", _INSTANT, "When the run began.", "UTC"),
        _column("finished_at", _INSTANT, "When it ended; NULL while it runs or if killed.", "UTC"),
        _column("status", _TEXT, "running (or killed), finished, or failed.", required=True),
        _column("model_set", _TEXT, "Name of the model set."),
        _column("label_schema", _TEXT, "Name of the list of structures, e.g. paper104."),
        _column("model_digests", _TEXT, "SHA-256 of each group's model, in order, as JSON."),
        _column("code_version", _TEXT, "Version of ctcohort that ran."),
        _column("package_versions", _TEXT, "Versions of the packages that matter, as JSON."),
        _column("settings_json", _TEXT, "All settings of the run, as JSON, without secrets."),
        _column("cts_todo", _COUNT, "CTs that were to be done.", "CTs"),
        _column("cts_done", _COUNT, "CTs measured and committed.", "CTs"),
        _column("cts_failed", _COUNT, "CTs that became rows of failures.", "CTs"),
        _column("ct_per_hour", _NUMBER, "CTs measured an hour.", "CT/h"),
        _column("pipeline_version", _TEXT, "Fingerprint of the method.", required=True),
        _column("run_date", _TEXT, "UTC day on which the run began, YYYY-MM-DD.", required=True),
        _column("commit_seq", _COUNT, "Last commit of this run.", required=True),
    ]
)


@dataclass(frozen=True, slots=True)
class Table:
    """One stored table: all that its care, its views and its commits need to know of it.

    Attributes:
        name: of its folder and its view.
        schema: its columns.
        sorted_by: how compaction sorts its rows.
        of_commit: whether its rows belong to a CT and become visible with it, all or none.
    """

    name: TableName
    schema: pa.Schema
    sorted_by: tuple[str, ...]
    of_commit: bool = True


TABLES: Final = (
    Table("scans", SCANS, ("series_key", "commit_seq")),
    Table("structures", STRUCTURES, ("structure", "series_key", "commit_seq")),
    Table("failures", FAILURES, ("series_key", "commit_seq")),
    Table("runs", RUNS, ("run_id",), of_commit=False),
)
"""All tables. `scans` comes first: a commit that it knows is complete in those opened after it."""

SCHEMAS: Final[dict[TableName, pa.Schema]] = {table.name: table.schema for table in TABLES}


def check_columns(name: TableName, stored: pa.Schema) -> list[pa.Field]:
    """Whether a stored table can be read and written by this version.

    A column that may be NULL can come and go between versions: one that the stored table lacks is
    NULL in its rows, one that is not known here is kept and not shown. What a number means is
    guarded by `pipeline_version`, not by the list of columns.

    Args:
        name: which table.
        stored: its columns as they are stored.

    Returns:
        The columns that it lacks.

    Raises:
        SetupError: a required column is missing or unknown here, or a column is of another type.
    """
    known = SCHEMAS[name]
    odd = [
        f"lacks {field.name}"
        for field in known
        if not field.nullable and field.name not in stored.names
    ]
    for field in stored:
        if field.name not in known.names:
            odd += [] if field.nullable else [f"has {field.name}, unknown here"]
        elif field.type != (wanted := known.field(field.name).type):
            odd.append(f"has {field.name} as {field.type} instead of {wanted}")
    if odd:
        raise SetupError(
            f"table {name} was made by another version of ctcohort (it {', '.join(odd)}): give a "
            "new --tables address, or use the version that made it"
        )
    return [field for field in known if field.name not in stored.names]
