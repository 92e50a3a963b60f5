"""One reconstruction of an acquisition."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_actor.reading.dicom.grouping.candidate import Candidate, candidate_of
from segment_actor.reading.dicom.grouping.selection import (
    acquisitions_of,
    one_per_acquisition,
    same_acquisition,
)
from segment_actor.reading.dicom.grouping.why_not import WhyNot
from tests.support.images import CORONAL, stack


def made(n: int = 60, step_mm: float = 2.0, start_mm: float = 0.0, **facts: Any) -> Candidate:
    return candidate_of(stack(n, step_mm, start_mm, **facts))


def selected(**candidates: Candidate) -> list[str]:
    reasons = one_per_acquisition(list(candidates.values()))
    assert set(reasons) <= {None, WhyNot.OTHER_RECONSTRUCTION}
    return [name for name, reason in zip(candidates, reasons, strict=True) if reason is None]


def test_of_thin_thick_and_two_kernels_the_thin_soft_one_is_measured() -> None:
    assert selected(
        thick=made(24, 5.0, series_uid="2", series_number=2.0),
        thin=made(60, 2.0, series_uid="3", series_number=3.0),
        lung=made(60, 2.0, series_uid="4", series_number=4.0, kernel="B70f"),
    ) == ["thin"]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({}, {"kernel": "B70f"}),
        ({}, {"kernel": "unheard of"}),
        ({"kernel": "unheard of"}, {"kernel": "B70f"}),
        ({"n": 24, "step_mm": 5.0}, {"n": 119, "step_mm": 1.0, "kernel": "B70f"}),
        ({"n": 119, "step_mm": 1.0}, {"n": 60, "step_mm": 2.2}),
        ({"n": 40, "step_mm": 3.0}, {"n": 24, "step_mm": 5.0}),
        ({"n": 60, "step_mm": 2.0, "kernel": "B70f"}, {"n": 15, "step_mm": 8.0}),
        ({"n": 24, "step_mm": 5.0}, {"image_type": ("DERIVED", "SECONDARY", "AXIAL")}),
        ({}, {"image_type": ("DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 MONOENERGETIC")}),
        ({"n": 24, "step_mm": 5.0}, {"n": 30, "step_mm": 2.0}),  # half of the length
        ({"series_number": 2.0}, {"series_number": 3.0}),
        ({"series_number": 9.0}, {"series_number": None}),
        ({"series_uid": "1.1"}, {"series_uid": "1.2"}),
    ],
)
def test_the_better_reconstruction_is_measured_in_whichever_order_they_come(
    better: dict[str, Any], worse: dict[str, Any]
) -> None:
    one, other = made(**{"series_uid": "1", **better}), made(**{"series_uid": "2", **worse})
    assert selected(better=one, worse=other) == ["better"]
    assert selected(worse=other, better=one) == ["better"]


def test_a_whole_reconstruction_comes_before_one_with_a_slice_missing_if_it_is_as_long() -> None:
    images = stack(60, 2.0, series_uid="1")
    del images[30]
    gap = candidate_of(images)
    assert selected(gap=gap, thick=made(24, 5.0, series_uid="2")) == ["thick"]
    assert selected(gap=gap, short=made(30, 2.0, series_uid="2")) == ["gap"]  # fails, and is seen


@pytest.mark.parametrize(
    "other",
    [
        {"acquisition_number": 2.0},
        {"acquisition_time": "20210305101500"},
        {"acquisition_time": "101500"},
        {"frame_uid": "1.9"},
        {"start_mm": 100.0},
        {"study_uid": "1.9"},
        {"patient_id": "4712"},
        {"patient_id": ""},
        {"frame_uid": "", "acquisition_time": ""},
        {"acquisition_time": ""},
        {"acquisition_time": "20210305000000"},  # what takes times away writes midnight
        {"irradiation_events": ("1.7",)},
    ],
)
def test_two_acquisitions_are_both_measured(other: dict[str, Any]) -> None:
    one = made(series_uid="1", irradiation_events=("1.8",))
    assert selected(a=one, b=made(series_uid="2", **other)) == ["a", "b"]


def test_a_native_and_a_contrast_scan_that_no_time_tells_apart_are_both_measured() -> None:
    blank: dict[str, Any] = {"acquisition_time": "", "acquisition_number": 1.0}
    native, contrast = made(series_uid="1", **blank), made(119, 1.0, series_uid="2", **blank)
    assert selected(native=native, contrast=contrast) == ["native", "contrast"]


@pytest.mark.parametrize(
    "other",
    [
        {"acquisition_number": None},
        {"acquisition_time": "", "irradiation_events": ("1.8",)},
        {"frame_uid": "", "acquisition_time": "", "irradiation_events": ("1.9", "1.8")},
        {"acquisition_time": "20210305101401.25"},
        {"acquisition_time": "101400"},
        {"acquisition_time": "20210305101400+0100"},
        {"frame_uid": ""},
        {"start_mm": 50.0},
    ],
)
def test_what_a_header_does_not_say_makes_no_other_acquisition(other: dict[str, Any]) -> None:
    one = made(series_uid="1", irradiation_events=("1.8",))
    assert selected(a=one, b=made(series_uid="2", **other)) == ["a"]


def test_two_cts_whose_headers_name_nothing_are_both_measured() -> None:
    blank: dict[str, Any] = {"patient_id": "", "study_uid": "", "frame_uid": ""}
    assert selected(a=made(series_uid="1", **blank), b=made(series_uid="2", **blank)) == ["a", "b"]


def test_volumes_of_many_studies_may_come_at_once() -> None:
    studies = [
        [made(series_uid=f"{k}.1", study_uid=f"{k}"), made(series_uid=f"{k}.2", study_uid=f"{k}")]
        for k in range(3)
    ]
    together = [study[0] for study in studies] + [study[1] for study in studies]
    assert one_per_acquisition(together) == [None] * 3 + [WhyNot.OTHER_RECONSTRUCTION] * 3


def test_a_derived_volume_without_numbers_does_not_join_two_acquisitions() -> None:
    derived = ("DERIVED", "SECONDARY", "AXIAL")
    assert selected(
        native=made(series_uid="1"),
        contrast=made(series_uid="2", acquisition_number=2.0, acquisition_time="20210305101500"),
        derived=made(series_uid="0", image_type=derived, acquisition_number=None,
                     acquisition_time=""),
    ) == ["native", "contrast", "derived"]  # fmt: skip


def test_a_derived_axial_volume_is_measured_if_the_original_is_not_there() -> None:
    derived = made(series_uid="1", image_type=("DERIVED", "SECONDARY", "AXIAL"))
    assert one_per_acquisition([derived]) == [None]


def enhanced(**facts: Any) -> Candidate:
    (image,) = stack(1, sop_class="1.2.840.10008.5.1.4.1.1.2.1", frames=200)
    return candidate_of([replace(image, spacing_mm=(), orientation=(), position_mm=(), **facts)])


def test_of_multi_frame_images_whose_place_is_not_known_number_and_time_have_to_agree() -> None:
    one = enhanced(series_uid="1")
    assert selected(a=one, b=enhanced(series_uid="2")) == ["a"]
    assert selected(a=one, b=enhanced(series_uid="2", acquisition_time="")) == ["a", "b"]
    assert selected(a=one, b=enhanced(series_uid="2", acquisition_number=2.0)) == ["a", "b"]
    assert selected(a=one, classic=made(series_uid="2")) == ["classic"]


def test_an_acquisition_keeps_its_name_when_another_reconstruction_comes() -> None:
    thick = made(24, 5.0, series_uid="1", series_number=2.0)
    thin = made(60, 2.0, series_uid="2", series_number=3.0)
    coronal = candidate_of(stack(60, 2.0, -900, series_uid="3", orientation=CORONAL))
    other = made(series_uid="4", acquisition_number=2.0)
    (before,) = acquisitions_of([thick])
    *after, last = acquisitions_of([thick, thin, coronal, other])
    assert after == [before, before, before]
    assert last != before


@st.composite
def studies(draw: st.DrawFn) -> list[Candidate]:
    return [
        made(
            draw(st.integers(1, 40)),
            draw(st.sampled_from([1.0, 2.0, 5.0, 10.0])),
            draw(st.sampled_from([0.0, 50.0, 200.0])),
            series_uid=str(k),
            series_number=draw(st.sampled_from([None, 1.0, float(k)])),
            acquisition_number=draw(st.sampled_from([None, 1.0, 2.0])),
            acquisition_time=draw(st.sampled_from(["", "20210305101400", "101500"])),
            kernel=draw(st.sampled_from(["B31f", "B70f", ""])),
        )
        for k in range(draw(st.integers(0, 6)))
    ]


@given(studies())
def test_of_two_measured_volumes_no_two_are_of_one_acquisition_and_none_is_lost(
    study: list[Candidate],
) -> None:
    reasons = one_per_acquisition(study)
    measured = [one for one, reason in zip(study, reasons, strict=True) if reason is None]
    assert not any(
        same_acquisition(one, other) for one in measured for other in measured if one is not other
    )
    for one, reason in zip(study, reasons, strict=True):
        if reason is WhyNot.OTHER_RECONSTRUCTION:
            assert any(same_acquisition(one, other) for other in measured)
        else:
            assert reason is one.why_not


@given(studies(), st.randoms(use_true_random=False))
def test_the_order_of_volumes_changes_nothing(study: list[Candidate], random: Any) -> None:
    order = list(range(len(study)))
    random.shuffle(order)
    shuffled = [study[n] for n in order]
    assert one_per_acquisition(shuffled) == [one_per_acquisition(study)[n] for n in order]
    assert acquisitions_of(shuffled) == [acquisitions_of(study)[n] for n in order]


PAGE = (Path(__file__).parents[6] / "docs" / "reference" / "series.md").read_text("utf-8")


def test_the_page_of_the_rules_has_every_reason_and_no_other() -> None:
    table = PAGE.partition("## Why not")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {*WhyNot} | {"why_not"}


def test_the_page_of_the_rules_says_what_is_never_measured() -> None:
    (sentence,) = re.findall(r"^(.*) are never measured", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", sentence)) == {one for one in WhyNot if not one.is_volume}
