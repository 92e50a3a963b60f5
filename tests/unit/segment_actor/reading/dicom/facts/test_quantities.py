"""The ranges of numbers are those of the page about headers, and hold what their reasons say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from segment_actor.reading.dicom.facts import quantities as q

PAGE = Path(__file__).parents[6] / "docs" / "reference" / "header.md"
COLUMNS = {
    "kvp": q.KVP,
    "slice_thickness_mm": q.SLICE_THICKNESS_MM,
    "tube_current_ma": q.TUBE_CURRENT_MA,
    "exposure_mas": q.EXPOSURE_MAS,
    "ctdi_vol_mgy": q.CTDI_VOL_MGY,
    "pitch": q.PITCH,
    "reconstruction_diameter_mm": q.DIAMETER_MM,
    "energy_kev": q.ENERGY_KEV,
    "height_cm": q.HEIGHT_CM,
    "weight_kg": q.WEIGHT_KG,
    "lossy_ratio": q.LOSSY_RATIO,
}


@pytest.mark.parametrize("column", COLUMNS)
def test_the_page_about_headers_says_what_is_possible(column: str) -> None:
    line = re.search(rf"^\| `{column}` \|.*\| ([\d.,]+) \| ([\d.,]+) \|$", PAGE.read_text(), re.M)
    assert line is not None
    told = tuple(float(number.replace(",", "")) for number in line.groups())
    assert told == (COLUMNS[column].least, COLUMNS[column].most)
