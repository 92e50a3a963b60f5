"""What the images of a series are volumes of, case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from segment_actor.errors import FailureCode
from segment_actor.reading.dicom.grouping.volumes import volumes_of
from segment_actor.reading.dicom.image import Image
from tests.support.images import CORONAL, DOSE, SCOUT, found, stack


def uids(images: list[Image]) -> list[str]:
    return sorted(one.sop_uid for one in images)


def test_a_series_in_random_order_is_one_volume_of_no_part() -> None:
    images = stack(24)
    assert found(images[::2] + images[1::2]) == {"": uids(images)}


def test_images_of_two_series_are_two_volumes() -> None:
    one, other = stack(series_uid="1.1"), stack(series_uid="1.2")
    assert [len(v.images) for v in volumes_of(one + other)] == [24, 24]


def test_a_scout_and_a_dose_picture_are_left_out_whatever_their_frame_of_reference() -> None:
    (volume,) = volumes_of([SCOUT, *stack(24), DOSE])
    assert volume.images == tuple(range(1, 25))
    assert volume.left_out == (0, 25)
    assert volume.refusal is None


def test_a_series_of_scouts_is_one_volume_for_selection_to_judge() -> None:
    (volume,) = volumes_of([SCOUT, replace(SCOUT, sop_uid="second")])
    assert (volume.images, volume.left_out) == ((0, 1), ())


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ({"patient_id": "4712"}, "2 patients"),
        ({"patient_id": ""}, "2 patients"),
        ({"issuer": "B"}, None),
        ({"study_uid": "1.9"}, "2 studies"),
        ({"frame_uid": "1.9"}, "2 frames of reference"),
        ({"frame_uid": ""}, None),
        ({"study_uid": ""}, None),
        ({"patient_id": " 4711 "}, None),
    ],
)
def test_a_series_uid_of_several_people_or_studies_is_refused_as_one(
    facts: dict[str, Any], named: str | None
) -> None:
    (volume,) = volumes_of(stack(12) + stack(12, start_mm=60, first=13, **facts))
    assert len(volume.images) == 24
    if named is None:
        assert volume.refusal is None
    else:
        assert volume.refusal is not None
        code, sentence = volume.refusal
        assert code is FailureCode.UID_REUSED
        assert named in sentence
        assert "4711" not in sentence


def test_two_issuers_of_one_id_are_refused() -> None:
    (volume,) = volumes_of(stack(12, issuer="A") + stack(12, start_mm=60, first=13, issuer="B"))
    assert volume.refusal is not None


def test_a_patient_id_may_be_composed_in_two_ways_and_cases() -> None:
    images = stack(12, patient_id="M\u00fcller") + stack(
        12, start_mm=60, first=13, patient_id="MU\u0308LLER"
    )
    assert [volume.refusal for volume in volumes_of(images)] == [None]


def test_images_without_a_series_uid_stay_together_for_the_reader_to_refuse() -> None:
    images = stack(4, series_uid="") + stack(4, series_uid="", patient_id="other")
    assert [len(volume.images) for volume in volumes_of(images)] == [8]


@pytest.mark.parametrize(
    ("one", "other", "parts"),
    [
        ({"acquisition_number": 1.0}, {"acquisition_number": 2.0},
         {"acquisition=1", "acquisition=2"}),
        ({"temporal_position": 1.0}, {"temporal_position": 2.0}, {"phase=1", "phase=2"}),
        ({"acquisition_time": "20210305101400"}, {"acquisition_time": "20210305101500.5"},
         {"time=20210305101400", "time=20210305101500.5"}),
        ({"kernel": "B31f"}, {"kernel": "B70f"}, {"kernel=B31f", "kernel=B70f"}),
        ({}, {"image_type": ("DERIVED", "SECONDARY", "AXIAL", "VNC")},
         {"type=ORIGINAL,PRIMARY,AXIAL", "type=DERIVED,SECONDARY,AXIAL,VNC"}),
        ({}, {"first": 25}, {"place=1", "place=2"}),
    ],
)  # fmt: skip
def test_two_volumes_of_the_same_places_come_apart(
    one: dict[str, Any], other: dict[str, Any], parts: set[str]
) -> None:
    first = stack(24, **one)
    second = [replace(image, sop_uid=f"2.{image.sop_uid}") for image in stack(24, **other)]
    by_part = found(first + second)
    assert by_part.keys() == parts
    assert sorted(by_part.values()) == sorted([uids(first), uids(second)])


def test_two_passes_of_a_time_a_slice_come_apart_by_the_order_of_times() -> None:
    def timed(minute: int) -> list[Image]:
        return [
            replace(one, acquisition_time=f"202103051{minute:03d}{k:02d}", sop_uid=f"{minute}.{k}")
            for k, one in enumerate(stack(24))
        ]

    first, second = timed(15), timed(20)
    assert found(second + first) == {"place=1": uids(first), "place=2": uids(second)}


def test_two_phases_of_two_kernels_are_four_volumes() -> None:
    images = [
        replace(one, sop_uid=f"{kernel}.{number}.{one.sop_uid}")
        for kernel in ("B31f", "B70f")
        for number in (1.0, 2.0)
        for one in stack(24, kernel=kernel, acquisition_number=number)
    ]
    assert found(images).keys() == {
        f"kernel={kernel} acquisition={number}" for kernel in ("B31f", "B70f") for number in (1, 2)
    }


def test_a_volume_knows_how_many_images_of_its_series_are_elsewhere() -> None:
    images = [*stack(24, acquisition_number=1.0), *stack(30, acquisition_number=2.0), SCOUT]
    first, second = volumes_of([*images, images[0]])
    assert (first.elsewhere, second.elsewhere) == (30, 24)
    assert first.left_out == second.left_out == (54,)


def test_a_scout_that_is_there_twice_is_counted_once() -> None:
    """Counted twice, it would stand for a slice that the archive has lost."""
    (volume,) = volumes_of([*stack(24), SCOUT, SCOUT])
    assert (volume.left_out, volume.beside) == ((24, 25), 1)


def test_a_phase_with_a_slice_missing_comes_apart_from_the_whole_one() -> None:
    whole, damaged = stack(24, acquisition_number=1.0), stack(24, acquisition_number=2.0)
    del damaged[11]
    assert found(whole + damaged) == {
        "acquisition=1": uids(whole), "acquisition=2": uids(damaged)
    }  # fmt: skip


def test_two_passes_whose_slices_lie_between_each_others_come_apart() -> None:
    """As one array they would be regular, of half the step, and alternate between two scans."""
    first, second = stack(24, acquisition_number=1.0), stack(24, 5, 2.5, acquisition_number=2.0)
    assert found(first + second) == {"acquisition=1": uids(first), "acquisition=2": uids(second)}


@pytest.mark.parametrize(
    ("fact", "value", "part"),
    [
        ("kernel", "B70f", "kernel=B70f"),
        ("slice_thickness_mm", 1.0, "thickness=1"),
        ("kv_peak", 140.0, "voltage=140"),
        ("image_type", ("DERIVED", "PRIMARY", "AXIAL"), "type=DERIVED,PRIMARY,AXIAL"),
    ],
)
def test_two_reconstructions_whose_slices_lie_between_each_others_come_apart(
    fact: str, value: Any, part: str
) -> None:
    first, second = stack(24, kv_peak=80.0), stack(24, 5, 2.5, **{"kv_peak": 80.0, fact: value})
    volumes = found(first + second)
    assert len(volumes) == 2
    assert volumes[part] == uids(second)


def test_two_passes_that_only_their_numbers_tell_apart_come_apart() -> None:
    """All slices of the one are counted before those of the other, which turns back."""
    first, second = stack(24), stack(24, 5, 2.5, 25)
    assert found(first + second) == {"run=0": uids(first), "run=1": uids(second)}


def test_a_scan_whose_numbers_turn_back_now_and_then_is_not_cut() -> None:
    images = stack(48)
    swapped = [
        replace(one, instance_number=float(k + 2 if k % 2 == 0 else k))
        for k, one in enumerate(images)
    ]
    assert found(swapped) == {"": uids(swapped)}


@pytest.mark.parametrize("start_mm", [250.0, 251.3])
def test_chest_and_abdomen_that_overlap_come_apart_by_acquisition(start_mm: float) -> None:
    chest = stack(60, start_mm=0, acquisition_number=1.0)
    abdomen = stack(80, start_mm=start_mm, acquisition_number=2.0)
    assert found(chest + abdomen) == {"acquisition=1": uids(chest), "acquisition=2": uids(abdomen)}


def test_three_long_passes_that_overlap_one_after_the_other_come_apart() -> None:
    """As in vtk-dicom issue 220: "each pass has a different AcquisitionNumber"."""
    passes = [stack(60, 5, start, acquisition_number=start + 1) for start in (0.0, 251.3, 501.1)]
    assert sorted(found([one for images in passes for one in images]).values()) == sorted(
        map(uids, passes)
    )


@pytest.mark.parametrize("slices_a_step", [1, 2, 4, 16])
def test_a_scan_in_steps_whose_edges_overlap_is_not_cut_in_pieces(slices_a_step: int) -> None:
    images = [
        replace(one, acquisition_number=float(step), sop_uid=f"{step}.{one.sop_uid}")
        for step in range(6)
        for one in stack(slices_a_step, 5.0, step * (slices_a_step * 5.0 - 1.3))
    ]
    assert found(images) == {"": uids(images)}


@pytest.mark.parametrize("slices_a_step", [1, 2, 4, 16])
def test_a_scan_in_steps_with_a_doubled_slice_is_not_cut_in_pieces(slices_a_step: int) -> None:
    images = [
        replace(one, acquisition_number=float(k // slices_a_step))
        for k, one in enumerate(stack(48))
    ]
    doubled = [
        replace(images[k], sop_uid=f"2.{k}", acquisition_number=images[k - 1].acquisition_number)
        for k in range(slices_a_step, 48, slices_a_step)
    ]
    assert found(images + doubled) == {"": uids(images + doubled)}


def test_two_spacings_of_one_series_stay_together_for_the_reader_to_refuse() -> None:
    images = stack(12, 5.0) + stack(12, 2.5, 60.0, first=13)
    assert found(images) == {"": uids(images)}


def test_slices_that_were_sent_twice_under_new_uids_stay_together() -> None:
    images = stack(24)
    again = [replace(one, sop_uid=f"2.{one.sop_uid}") for one in images]
    assert found(images + again) == {"": uids(images + again)}


def test_copies_of_an_image_are_all_in_its_volume() -> None:
    images = stack(24)
    (volume,) = volumes_of([*images, images[3], replace(images[4], kernel="other")])
    assert volume.images == tuple(range(26))


def test_axial_and_coronal_images_of_one_series_are_two_volumes() -> None:
    axial, coronal = stack(24), stack(24, orientation=CORONAL, sop_uid="")
    by_part = found(axial + coronal)
    assert by_part.keys() == {"orientation=1,0,0,0,1,0", "orientation=1,0,0,0,0,-1"}


@pytest.mark.parametrize(
    "facts", [{"orientation": (1.0, 0.002, 0.0, -0.002, 1.0, 0.0)}, {"spacing_mm": (0.703, 0.7)}]
)
def test_a_header_that_wavers_from_slice_to_slice_does_not_cut_a_volume(
    facts: dict[str, Any],
) -> None:
    """Each half would be a regular volume of twice the step."""
    images = [replace(one, **facts) if k % 2 else one for k, one in enumerate(stack(24))]
    assert found(images) == {"": uids(images)}


def test_two_fields_of_view_of_one_series_are_two_volumes() -> None:
    images = stack(24) + stack(24, spacing_mm=(0.9, 0.9))
    assert found(images).keys() == {"spacing=0.7,0.7", "spacing=0.9,0.9"}


def test_a_few_projections_at_places_of_a_ct_are_a_volume_of_their_own() -> None:
    axial = stack(60, 2.0)
    mip = stack(3, 20.0, first=61, image_type=("DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 MIP"))
    assert sorted(map(len, found(axial + mip).values())) == [3, 60]


def test_images_that_do_not_say_where_they_lie_cut_nothing() -> None:
    images = stack(24)
    images[7] = replace(images[7], position_mm=(), orientation=())
    assert found(images) == {"": uids(images)}
