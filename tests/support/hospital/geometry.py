"""Stacks of slices as scanners leave them: tilted, overlapping, rounded, the other way round."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.support.hospital.files import laid
from tests.support.hospital.images import Series, Visit, ct
from tests.support.hospital.outcome import Layout

TILT_DEG = 15.0


def _alone(one: Series, **what: Any) -> Layout:
    return Layout(laid("s", one.images), (one.expected(**what),))


def tilted_gantry() -> Layout:
    """Each slice lies upright in the tilted plane, and moves along the table."""
    a = math.radians(TILT_DEG)
    one = ct(Visit(), "Tilted", GantryDetectorTilt=str(TILT_DEG))
    for k, image in enumerate(one.images):
        image.ImageOrientationPatient = [1, 0, 0, 0, round(math.cos(a), 6), round(-math.sin(a), 6)]
        image.ImagePositionPatient = [-20.0, -170.0, 5.0 + 4.0 * k]
    return _alone(one, exact=False)


def slices_that_overlap() -> Layout:
    return _alone(ct(Visit(), "Overlapping", slices=24, step_mm=2.5, SliceThickness="5"))


def slices_from_the_head_down() -> Layout:
    return _alone(ct(Visit(), "Downwards", step_mm=-4.0))


def feet_first() -> Layout:
    return _alone(ct(Visit(), "Feet first", step_mm=-4.0, PatientPosition="FFS"))


def odd_matrix() -> Layout:
    return _alone(ct(Visit(), "Odd", size=(31, 27)))


def places_rounded_to_a_tenth_of_a_millimetre() -> Layout:
    """0.625 mm apart, written with one digit: the gaps are 0.6 and 0.7."""
    one = ct(Visit(), "Rounded", slices=50, step_mm=0.625)
    for image in one.images:
        image.ImagePositionPatient = [round(float(v), 1) for v in image.ImagePositionPatient]
    return _alone(one)


def prone_patient() -> Layout:
    """Turned by half: rows run from left to right and from back to front."""
    turned = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    return _alone(ct(Visit(), "Prone", orientation=turned, PatientPosition="HFP"))


def slices_a_little_oblique() -> Layout:
    """A head that was not straight: planned 5 degrees off the axis of the body."""
    a = math.radians(5)
    plane = (1.0, 0.0, 0.0, 0.0, round(math.cos(a), 6), round(math.sin(a), 6))
    return _alone(ct(Visit(), "Oblique", orientation=plane))


def slices_numbered_against_their_places() -> Layout:
    """Numbers and names run the other way: places alone count."""
    one = ct(Visit(), "Renumbered")
    for k, image in enumerate(one.images):
        image.InstanceNumber = len(one.images) - k
    return _alone(one.but(one.images[::-1]))


def two_slice_distances() -> Layout:
    """Thick above, thin below, one series."""
    one = ct(Visit(), "Two distances")
    for k, image in enumerate(one.images[6:], 1):
        image.ImagePositionPatient[2] = 5.0 + 4.0 * 5 + 2.0 * k
    return Layout(laid("s", one.images), (one.refused("missing_slice"),))


def too_few_slices() -> Layout:
    one = ct(Visit(), "Three slices", slices=3)
    return Layout(laid("s", one.images), (one.refused("too_few_slices", why_not="too_few"),))


def two_stacks_of_other_sizes_in_one_series() -> Layout:
    """Head and neck: another field of view for each, under one UID."""
    one = ct(Visit(), "Head")
    two = ct(Visit(), "Neck", size=(30, 26), start_mm=48.0)
    for image in two.images:
        image.SeriesInstanceUID = one.images[0].SeriesInstanceUID
        image.SeriesDescription = "Head"
        image.PixelSpacing = [1.0, 1.0]
    two.truth.affine[:3, :2] = np.diag([-1.0, -1.0, 1.0])[:, :2]
    return Layout(laid("s", one.images + two.images), (one.expected(), two.expected()))


LAYOUTS = (
    tilted_gantry,
    slices_that_overlap,
    slices_from_the_head_down,
    feet_first,
    odd_matrix,
    places_rounded_to_a_tenth_of_a_millimetre,
    prone_patient,
    slices_a_little_oblique,
    slices_numbered_against_their_places,
    two_slice_distances,
    too_few_slices,
    two_stacks_of_other_sizes_in_one_series,
)
