"""What reading gives: one CT, and what its header says about the patient and the scanner."""

from __future__ import annotations

from dataclasses import dataclass, field

from segment_actor.grid.of_file import StoredGrid
from segment_actor.person import Sex
from segment_actor.reading.dicom.facts.kernel import Kernel
from segment_actor.volume import Volume


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What a DICOM header says besides the image. A NIfTI file says none of it: all fields None.

    Attributes:
        age_years: age at the study in whole years, the last birthday.
        sex: "M", "F" or "O"; None if not known.
        manufacturer: maker of the scanner.
        model: the maker's name of the scanner.
        kvp: tube voltage in kV.
        slice_thickness_mm: thickness of the reconstructed slice (not the distance of slices).
        kernel: whether the reconstruction smooths or sharpens: "soft", "sharp" or None.
        kernel_name: the maker's name of the kernel, "other" if it is on no list.
        contrast_agent: whether the header names a contrast agent; None when it is silent.
        contrast_route: how it was given, a word of DICOM's list, or "other".
        image_type: words of Image Type that DICOM or makers define, joined by a backslash.
        energy_kev: of a virtual monoenergetic image.
        tube_current_ma: mean of the images.
        exposure_mas: mean of the images.
        ctdi_vol_mgy: mean of the images.
        pitch: of the spiral.
        reconstruction_diameter_mm: of the field that was reconstructed.
        body_part: a word of DICOM's list, or "other".
        height_cm: of the patient.
        weight_kg: of the patient.
        lossy: whether the pixels were compressed with losses; None if not known.
        lossy_ratio: of that compression.
        tilt_corrected_deg: of the gantry, if the volume was straightened.
        images_left_out: images of the series that belong to no volume of it.
        series_uid: only ever the input of a keyed hash; never shown, logged or stored.
        patient_id: only ever the input of a keyed hash; never shown, logged or stored.
    """

    age_years: float | None = None
    sex: Sex | None = None
    manufacturer: str | None = None
    model: str | None = None
    kvp: float | None = None
    slice_thickness_mm: float | None = None
    kernel: Kernel | None = None
    kernel_name: str | None = None
    contrast_agent: bool | None = None
    contrast_route: str | None = None
    image_type: str | None = None
    energy_kev: float | None = None
    tube_current_ma: float | None = None
    exposure_mas: float | None = None
    ctdi_vol_mgy: float | None = None
    pitch: float | None = None
    reconstruction_diameter_mm: float | None = None
    body_part: str | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    lossy: bool | None = None
    lossy_ratio: float | None = None
    tilt_corrected_deg: float | None = None
    images_left_out: int | None = None
    series_uid: str | None = field(default=None, repr=False)
    patient_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Scan:
    """One CT as it was read.

    Attributes:
        volume: the original voxel grid, in Hounsfield units.
        facts: what its header says about the patient and the scanner.
        grid: the grid of its file, on which its masks are written.
    """

    volume: Volume
    facts: ScanFacts
    grid: StoredGrid
