"""Who and what an image belongs to, where folders and numbers mislead."""

from __future__ import annotations

from typing import Any

from tests.support.hospital.files import flat, laid
from tests.support.hospital.images import Series, Visit, ct, scout, set_elements
from tests.support.hospital.others import dose_picture
from tests.support.hospital.outcome import Layout

OTHER = Visit(patient="ZZMRN-0815", name="Zzmuster^Max")


def two_patients_in_one_folder() -> Layout:
    """Each with a series of the same name."""
    one, two = ct(Visit(), "Abdomen"), ct(OTHER, "Abdomen")
    return Layout(flat("s", [one, two]), (one.expected(), two.expected()))


def two_visits_of_a_patient_in_one_folder() -> Layout:
    one, two = ct(Visit(), "Abdomen"), ct(Visit(study="second"), "Abdomen")
    return Layout(flat("s", [one, two]), (one.expected(), two.expected()))


def series_number_reused_for_another_patient() -> Layout:
    """Two folders, each a whole series: nobody is dropped, and none is merged."""
    one, two = _of_one_number(ct(Visit(), "Reused"), ct(OTHER, "Reused"))
    files = laid("a", one.images) | laid("b", two.images)
    return Layout(files, (one.refused("uid_reused", images=24),))


def _of_one_number(first: Series, second: Series) -> tuple[Series, Series]:
    for image in second.images:
        image.SeriesInstanceUID = first.images[0].SeriesInstanceUID
    return first, second


def one_patient_above_the_other_in_one_series() -> Layout:
    """The gravest of all: it looks like one CT of 12 slices."""
    below, above = _of_one_number(
        ct(Visit(), "Chimera", slices=6), ct(OTHER, "Chimera", slices=6, start_mm=24.0)
    )
    files = laid("s", below.images + above.images)
    return Layout(files, (below.refused("uid_reused", images=12),))


def two_frames_of_reference_in_one_series() -> Layout:
    """The patient was moved in between: places of the two cannot be compared."""
    one = ct(Visit(), "Moved")
    for image in one.images[6:]:
        image.FrameOfReferenceUID = Visit().uid("second frame")
    return Layout(laid("s", one.images), (one.refused("uid_reused"),))


def two_phases_told_by_their_number() -> Layout:
    return _phases(AcquisitionNumber=2, AcquisitionTime="101455")


def two_phases_told_by_their_time() -> Layout:
    return _phases(AcquisitionTime="101455")


def two_phases_told_by_nothing_but_their_places() -> Layout:
    """Slice after slice the first, then the second: the numbers of the images go on.

    Two reconstructions of one pass look the same, so one of the two is measured.
    """
    return _phases("other_reconstruction")


def _phases(second_is: str = "", **second: Any) -> Layout:
    """Arterial and venous under one UID, as one reconstruction of a scanner."""
    one, two = ct(Visit(), "Arterial and venous"), ct(Visit(), "Phase two", **second)
    for k, image in enumerate(two.images, len(one.images) + 1):
        image.SeriesInstanceUID = one.images[0].SeriesInstanceUID
        image.SeriesDescription, image.InstanceNumber = "Arterial and venous", k
    return Layout(
        laid("s", one.images + two.images), (one.expected(), two.expected(why_not=second_is))
    )


def scout_in_the_series() -> Layout:
    return _with_guest(scout(Visit()), "With scout")


def dose_picture_in_the_series() -> Layout:
    return _with_guest(dose_picture(Visit()), "With dose picture")


def _with_guest(guest: Series, description: str) -> Layout:
    one = ct(Visit(), description)
    for image in guest.images:
        image.SeriesInstanceUID = one.images[0].SeriesInstanceUID
        image.SeriesDescription, image.SeriesNumber = description, 2
    return Layout(laid("s", guest.images + one.images), (one.expected(left_out=1),))


def series_without_a_number() -> Layout:
    one = ct(Visit(), "Without UID", SeriesInstanceUID=None)
    return Layout(laid("s", one.images), (one.refused("missing_uid"),))


def series_with_a_blank_number() -> Layout:
    one = ct(Visit(), "Blank UID", SeriesInstanceUID="")
    return Layout(laid("s", one.images), (one.refused("missing_uid"),))


def two_blank_series_and_a_good_one_in_one_folder() -> Layout:
    """Those that anonymising has ruined take nothing from the other."""
    ruined = [ct(Visit(), f"Blank {n}", SeriesInstanceUID="") for n in (1, 2)]
    good = ct(OTHER, "Good")
    both = ruined[0].but(ruined[0].images + ruined[1].images)
    return Layout(flat("s", [both, good]), (both.refused("missing_uid"), good.expected()))


def series_of_nobody() -> Layout:
    """Anonymised: no patient, and no more than that is lacking."""
    one = ct(Visit(patient="", name=""), "Nobody")
    return Layout(laid("s", one.images), (one.expected(),))


def anonymised_and_original_side_by_side() -> Layout:
    """With new UIDs: nobody can know, so both are listed."""
    one, two = ct(Visit(), "Original"), ct(Visit(patient="ANON1", name="ANON"), "Anonymised")
    return Layout(flat("s", [one, two]), (one.expected(), two.expected()))


def localizers_of_three_views_in_the_series() -> Layout:
    """GE: scouts of the front and of the side, and the CT, under one UID."""
    one = ct(Visit(), "Three views")
    guests = [*scout(Visit(), "Front").images, *scout(Visit(), "Side").images]
    set_elements(guests[1], {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]})
    for image in guests:
        image.SeriesInstanceUID = one.images[0].SeriesInstanceUID
        image.SeriesDescription, image.SeriesNumber = "Three views", 2
    return Layout(laid("s", one.images + guests), (one.expected(left_out=2),))


LAYOUTS = (
    two_patients_in_one_folder,
    two_visits_of_a_patient_in_one_folder,
    series_number_reused_for_another_patient,
    one_patient_above_the_other_in_one_series,
    two_frames_of_reference_in_one_series,
    two_phases_told_by_their_number,
    two_phases_told_by_their_time,
    two_phases_told_by_nothing_but_their_places,
    scout_in_the_series,
    dose_picture_in_the_series,
    series_without_a_number,
    series_with_a_blank_number,
    two_blank_series_and_a_good_one_in_one_folder,
    series_of_nobody,
    anonymised_and_original_side_by_side,
    localizers_of_three_views_in_the_series,
)
