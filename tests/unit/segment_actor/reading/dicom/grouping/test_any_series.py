"""What holds for the volumes of any series."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from segment_actor.reading.dicom.grouping.volumes import volumes_of
from segment_actor.reading.dicom.image import Image
from tests.support.images import DOSE, PLAIN, SCOUT, found, stack


def with_number(one: Image, key: str, value: int) -> Image:
    facts: dict[str, Any] = {key: float(value)}
    return replace(one, **facts)


numbers = st.lists(st.integers(1, 3), min_size=12, max_size=40)


@st.composite
def series(draw: st.DrawFn) -> list[Image]:
    """Anything: few places, keys at random, copies, scouts."""
    images = []
    for k in range(draw(st.integers(1, 40))):
        place = draw(st.integers(0, 12))
        images.append(
            replace(
                draw(st.sampled_from([PLAIN, PLAIN, PLAIN, PLAIN, SCOUT, DOSE])),
                sop_uid=f"{draw(st.integers(0, k))}",
                acquisition_number=draw(st.sampled_from([None, 1.0, 2.0])),
                temporal_position=draw(st.sampled_from([None, 1.0, 2.0])),
                acquisition_time=draw(st.sampled_from(["", "20210305101400", "101500"])),
                instance_number=draw(st.sampled_from([None, float(k), 1.0])),
                kernel=draw(st.sampled_from(["B31f", "B31f unit=HU", ""])),
                spacing_mm=draw(st.sampled_from([(0.7, 0.7), (0.70011, 0.7), (0.72, 0.7)])),
                position_mm=(0.0, 0.0, 5.0 * place),
            )
        )
    return images


@given(series())
def test_each_image_is_in_one_volume_or_left_out_and_no_part_is_there_twice(
    images: list[Image],
) -> None:
    volumes = volumes_of(images)
    members = [n for volume in volumes for n in volume.images]
    (left_out,) = {volume.left_out for volume in volumes}
    assert sorted([*members, *left_out]) == list(range(len(images)))
    assert len({volume.part for volume in volumes}) == len(volumes)
    assert (len(volumes) == 1) == (volumes[0].part == "")


@given(series(), st.randoms(use_true_random=False))
def test_the_order_of_images_changes_nothing(images: list[Image], random: Any) -> None:
    order = list(range(len(images)))
    random.shuffle(order)
    shuffled = [images[n] for n in order]
    before = {
        volume.part: (sorted(volume.images), sorted(volume.left_out), volume.refusal)
        for volume in volumes_of(images)
    }
    after = {
        volume.part: (
            sorted(order[n] for n in volume.images),
            sorted(order[n] for n in volume.left_out),
            volume.refusal,
        )
        for volume in volumes_of(shuffled)
    }
    assert before == after


@given(numbers, st.sampled_from(["acquisition_number", "temporal_position"]))
def test_a_scan_whose_passes_follow_one_another_is_never_cut(values: list[int], key: str) -> None:
    images = [
        with_number(one, key, value)
        for one, value in zip(stack(len(values)), sorted(values), strict=True)
    ]
    assert list(found(images)) == [""]


def test_a_scan_of_which_every_fourth_slice_has_another_number_is_not_cut() -> None:
    numbers = [1, 1, 1, 2] * 6
    images = [
        replace(one, acquisition_number=float(number))
        for one, number in zip(stack(24), numbers, strict=True)
    ]
    assert list(found(images)) == [""]


@given(st.permutations(range(24)))
def test_a_scan_of_a_number_a_slice_is_never_cut(values: list[int]) -> None:
    images = [
        replace(one, acquisition_number=float(value), acquisition_time=f"2021030510{value:02d}00")
        for one, value in zip(stack(24), values, strict=True)
    ]
    assert list(found(images)) == [""]


@given(
    st.integers(4, 60),
    st.integers(2, 5),
    st.floats(0.5, 10.0),
    st.sampled_from(["acquisition_number", "temporal_position", "instance_number"]),
    st.randoms(use_true_random=False),
)
def test_phases_of_the_same_places_always_come_apart(
    n: int, phases: int, step_mm: float, key: str, random: Any
) -> None:
    images = [
        with_number(
            replace(one, sop_uid=f"{phase}.{k}"),
            key,
            k * phases + phase if key == "instance_number" else phase + 1,
        )
        for phase in range(phases)
        for k, one in enumerate(stack(n, step_mm))
    ]
    random.shuffle(images)
    assert sorted(found(images).values()) == sorted(
        sorted(f"{phase}.{k}" for k in range(n)) for phase in range(phases)
    )
