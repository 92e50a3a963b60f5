"""Archives as hospitals have them: each CT is found whole, with its patient, or is not measured."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.support.hospital.images import PLANTED
from tests.support.hospital.layouts import LAYOUTS, SEVEN
from tests.support.hospital.outcome import Expected, Layout
from tests.support.hospital.reading import Measured, measured, on_disk, places
from tests.support.indexing import KEYS


@pytest.fixture(params=list(LAYOUTS.values()), ids=list(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> Layout:
    made: Layout = request.param()
    return made


def test_every_ct_of_an_archive_is_read_whole_or_refused_with_its_reason(
    layout: Layout, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = on_disk(layout, tmp_path / "archive")
    with caplog.at_level(logging.DEBUG):
        found = measured(archive, tmp_path / "index")
    expected = list(layout.expected)
    strange = [one for one in found if not _takes(expected, one)]
    assert not strange, f"found, but not expected: {strange}; expected: {expected}"
    assert not expected, f"not found: {expected}"
    said = "\n".join([caplog.text, *(one.sentence for one in found)])
    assert not [word for word in PLANTED if word in said]


def _takes(expected: list[Expected], found: Measured) -> bool:
    """Whether it is one of those expected, which is then taken off the list."""
    for one in expected:
        if found.is_as(one, KEYS.patient_key(one.patient) if one.patient else None):
            expected.remove(one)
            return True
    return False


def test_no_file_of_an_archive_is_without_a_place(layout: Layout, tmp_path: Path) -> None:
    counted = places(on_disk(layout, tmp_path / "archive"))
    others = layout.not_images, layout.foreign, layout.damaged
    assert (counted["not_an_image"], counted["foreign"], counted["damaged"]) == others
    in_series = sum(one.images + one.left_out for one in layout.expected if one.description)
    assert counted["image"] + counted["nifti"] >= in_series


def test_a_study_has_the_same_keys_and_voxels_however_its_files_lie(tmp_path: Path) -> None:
    keys = []
    for layout in SEVEN:
        archive = on_disk(layout(), tmp_path / layout.__name__)
        found = measured(archive, tmp_path / f"index of {layout.__name__}")
        volumes = [one for one in found if one.scan is not None]
        assert len(volumes) == 4
        keys.append({(one.series_key, one.patient_key, one.why_not) for one in volumes})
    assert all(one == keys[0] for one in keys)
