"""The columns of `scans`: one row a CT series that was measured."""

from __future__ import annotations

import pyarrow as pa

from stats.tables.columns import COUNT, NUMBER, SERIES, STAMP, TEXT, column

SCANS = pa.schema(
    [
        SERIES,
        column("patient_key", TEXT, "Pseudonym of the patient; NULL if not known."),
        column("study_key", TEXT, "Pseudonym of the study (one visit); NULL if not known."),
        column(
            "acquisition_key",
            TEXT,
            "Pseudonym of the acquisition: one pass of the scanner, of which there may be several "
            "reconstructions. NULL if not known.",
        ),
        column(
            "scan_day",
            COUNT,
            "Day of the scan, counted from a day that is secret and another one for each patient: "
            "only differences within one patient mean something. NULL if not known.",
            "days",
        ),
        column(
            "age_years",
            NUMBER,
            "Age of the patient at the scan. From DICOM whole years, and 90 means 90 or more, "
            "unless the run had --ages-above-90.",
            "years",
        ),
        column("sex", TEXT, "M, F or O; NULL if not known."),
        column("shape_i", COUNT, "Voxels from left to right.", "voxels"),
        column("shape_j", COUNT, "Voxels from back to front.", "voxels"),
        column("shape_k", COUNT, "Voxels from feet to head (slices).", "voxels"),
        column("spacing_i_mm", NUMBER, "Voxel spacing from left to right.", "mm"),
        column("spacing_j_mm", NUMBER, "Voxel spacing from back to front.", "mm"),
        column("spacing_k_mm", NUMBER, "Voxel spacing from feet to head.", "mm"),
        column("orientation", TEXT, "Axes as stored in the file, e.g. LPS; measured in RAS."),
        column("field_of_view_mm", NUMBER, "Length of the scan from feet to head.", "mm"),
        column(
            "manufacturer",
            TEXT,
            "Maker of the scanner, from DICOM, one spelling each; other if it is on no list "
            "(docs/reference/header.md).",
        ),
        column(
            "scanner_model",
            TEXT,
            "Name of the scanner, from DICOM, or its family if only that is on the list; other if "
            "neither is.",
        ),
        column("kvp", NUMBER, "Peak tube voltage, from DICOM.", "kV"),
        column("slice_thickness_mm", NUMBER, "Slice thickness, from DICOM.", "mm"),
        column("kernel", TEXT, "Reconstruction kernel, from DICOM: soft or sharp; else NULL."),
        column(
            "kernel_name",
            TEXT,
            "The maker's name of that kernel, of Siemens with the strength of the iterative "
            "reconstruction (Br40d\\3); other if it is on no list.",
        ),
        column(
            "image_type",
            TEXT,
            "Image Type, from DICOM, with a backslash between words; other for each on no list.",
        ),
        column("energy_kev", NUMBER, "Energy of a virtual monoenergetic image.", "keV"),
        column("tube_current_ma", NUMBER, "X-ray tube current, mean of the images.", "mA"),
        column("exposure_mas", NUMBER, "X-ray exposure, mean of the images.", "mAs"),
        column("ctdi_vol_mgy", NUMBER, "Dose index CTDIvol, mean of the images.", "mGy"),
        column("pitch", NUMBER, "Spiral pitch factor; NULL if there was no spiral.", "ratio"),
        column(
            "reconstruction_diameter_mm",
            NUMBER,
            "Diameter of the field that was reconstructed.",
            "mm",
        ),
        column("body_part", TEXT, "Body Part Examined, from DICOM; other if on no list."),
        column("height_cm", NUMBER, "Height of the patient, from DICOM.", "cm"),
        column("weight_kg", NUMBER, "Weight of the patient, from DICOM.", "kg"),
        column(
            "contrast_agent",
            TEXT,
            "yes or no, from DICOM; NULL if the header is silent, which is not no.",
        ),
        column(
            "contrast_route",
            TEXT,
            "IV, ORAL, RECTAL and so on, with a backslash between them; else other.",
        ),
        column(
            "lossy",
            TEXT,
            "yes or no: whether the pixels were compressed with losses; NULL if not known.",
        ),
        column("lossy_ratio", NUMBER, "Of that compression, the largest.", "ratio"),
        column(
            "tilt_corrected_deg",
            NUMBER,
            "Tilt of the gantry that was straightened before segmenting; NULL if there was none.",
            "degrees",
        ),
        column(
            "images_left_out",
            COUNT,
            "Images of the series that belong to no volume of it: scouts, dose pictures.",
            "images",
        ),
        column(
            "contrast_phase",
            TEXT,
            "native, arterial, portal_venous, late or unknown (docs/reference/contrast.md).",
        ),
        column("contrast_phase_method", TEXT, "What it was told by: header, or measured HU."),
        column("contrast_phase_confidence", NUMBER, "How sure that phase is, 0 to 1.", "fraction"),
        column("structures_measured", COUNT, "Structures with at least one voxel.", "structures"),
        column(
            "qc",
            TEXT,
            "pass, warn or fail: fail if it concerns the whole CT, warn if structures have "
            "findings (docs/reference/quality.md).",
        ),
        column("qc_reasons", TEXT, "Codes and their structures, joined by '; '; NULL if none."),
        column("resampling", TEXT, "Way to the model grid: order 3, or the tool it repeats."),
        column("model_spacing_mm", NUMBER, "Finest voxel spacing of the models' grids.", "mm"),
        column("fetch_s", NUMBER, "Time to fetch the series from the archive.", "s"),
        column("read_s", NUMBER, "Time to decode and check it.", "s"),
        column("resample_s", NUMBER, "Time to resample it to the model grid.", "s"),
        column("network_s", NUMBER, "Time from model grid to painted labels, all groups.", "s"),
        column("measure_s", NUMBER, "Time to measure all structures.", "s"),
        column("input_version", TEXT, "Fingerprint of the series' files when they were listed."),
        column("model_set", TEXT, "Name of the model set that segmented it."),
        column("label_schema", TEXT, "Name of the list of structures, e.g. paper104."),
        *STAMP,
    ]
)
