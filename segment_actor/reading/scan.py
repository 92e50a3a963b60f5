"""What reading gives: one CT, and what its header says about the patient and the scanner."""

from __future__ import annotations

from dataclasses import dataclass, field

from segment_actor.grid.of_file import StoredGrid
from segment_actor.person import Sex
from segment_actor.reading.dicom.kernel import Kernel
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
        contrast_agent: whether the header names a contrast agent; None when it is silent.
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
    contrast_agent: bool | None = None
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
