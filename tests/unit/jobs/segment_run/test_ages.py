"""Ages above 90 leave the reading of a CT as 90, unless the settings of the run say otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.segment_run.config import segment_config
from jobs.segment_run.load import LoadSettings, _note
from segment_actor.grid.of_file import dicom_grid
from segment_actor.models.way import OUR_WAY
from segment_actor.reading.scan import Scan, ScanFacts
from segment_actor.volume import Volume
from tests.support.ct_files import RAS_2MM, made_hu

VOLUME = Volume(made_hu(), RAS_2MM)


def noted(age_years: float | None, *, ages_above_90: bool) -> float | None:
    scan = Scan(VOLUME, ScanFacts(age_years=age_years), dicom_grid(VOLUME))
    return _note(scan, VOLUME, ages_above_90=ages_above_90).facts.age_years


@given(st.none() | st.integers(0, 123).map(float))
def test_no_age_above_90_leaves_the_reading(age_years: float | None) -> None:
    told = noted(age_years, ages_above_90=False)
    assert told == age_years or (told == 90.0 and age_years is not None and age_years > 90)


@given(st.none() | st.integers(0, 123).map(float))
def test_a_setting_lets_all_ages_through(age_years: float | None) -> None:
    assert noted(age_years, ages_above_90=True) == age_years


def test_by_default_neither_a_run_nor_a_task_lets_them_through() -> None:
    assert segment_config(None, {"tables": "t", "archive": "a"}).ages_above_90 is False
    assert LoadSettings("a", (), OUR_WAY, max_attempts=1).ages_above_90 is False


@pytest.mark.parametrize("said", [True, False])
def test_the_settings_file_says_it(tmp_path: Path, said: bool) -> None:
    file = tmp_path / "run.toml"
    file.write_text(f'tables = "t"\narchive = "a"\nages_above_90 = {str(said).lower()}\n')
    assert segment_config(file, {}).ages_above_90 is said
