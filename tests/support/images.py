"""CT images by their headers alone, for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from segment_actor.reading.dicom.grouping.volumes import volumes_of
from segment_actor.reading.dicom.image import Image

PLAIN = Image(
    patient_id="4711",
    study_uid="1.2.1",
    series_uid="1.2.2",
    frame_uid="1.2.3",
    sop_class="1.2.840.10008.5.1.4.1.1.2",
    modality="CT",
    image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
    series_number=2.0,
    acquisition_number=1.0,
    acquisition_time="20210305101400",
    rows=512,
    columns=512,
    photometric="MONOCHROME2",
    spacing_mm=(0.7, 0.7),
    orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    manufacturer="SIEMENS",
    kernel="B31f",
    rescale_type="HU",
    slice_thickness_mm=5.0,
)

CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


SCOUT = replace(
    PLAIN, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), orientation=CORONAL,
    position_mm=(0.0, 0.0, 0.0), frame_uid="of the scout", sop_uid="scout",
)  # fmt: skip
DOSE = replace(
    PLAIN, sop_class="1.2.840.10008.5.1.4.1.1.7", samples=3, photometric="RGB", sop_uid="dose",
    orientation=(), position_mm=(), spacing_mm=(), frame_uid="",
)  # fmt: skip


def stack(
    n: int = 24, step_mm: float = 5.0, start_mm: float = 0.0, first: int = 1, **facts: Any
) -> list[Image]:
    """`n` images along the body (along y where they are coronal), numbered from `first` on."""
    along = 1 if facts.get("orientation") == CORONAL else 2
    images = []
    for k in range(n):
        position_mm = [-180.0, -180.0, 0.0]
        position_mm[along] = start_mm + k * step_mm
        one = replace(PLAIN, position_mm=tuple(position_mm), instance_number=float(first + k))
        one = replace(one, **facts)
        images.append(replace(one, sop_uid=facts.get("sop_uid", f"{_token(facts)}.{first + k}")))
    return images


def _token(facts: dict[str, Any]) -> str:
    """The same for the same facts, so that two stacks of different facts share no image."""
    return ".".join(str(ord(c)) for c in repr(sorted(facts.items())))


def found(images: list[Image]) -> dict[str, list[str]]:
    """Part of each volume, and its images by UID."""
    return {
        volume.part: sorted(images[n].sop_uid for n in volume.images)
        for volume in volumes_of(images)
    }
