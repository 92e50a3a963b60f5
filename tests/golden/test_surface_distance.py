"""Surface areas, NSD and Dice equal those of DeepMind's surface-distance.

Its numbers are in surface_distance.json, written by make_surface_distance.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel.nifti1
import numpy as np
import pytest

from segment_actor.anatomy import load_schema
from stats.agreement.overlap import dice_per_structure
from stats.agreement.surface import nsd_per_structure
from stats.agreement.surfels import surfel_areas
from tests.support.real_ct import real_ct_folder

SCHEMA = load_schema("total_v2")
FACTS = json.loads(Path(__file__).with_name("surface_distance.json").read_text())


def test_the_area_of_each_of_the_256_patterns_is_that_of_the_package() -> None:
    ours = surfel_areas(tuple(FACTS["areas_spacing_mm"]))
    np.testing.assert_allclose(ours, FACTS["areas_mm2"], rtol=1e-14)


@pytest.mark.parametrize("case", FACTS["small"], ids=lambda c: "x".join(map(str, c["spacing_mm"])))
def test_nsd_of_small_label_maps_is_that_of_the_package(case: dict[str, Any]) -> None:
    truth, predicted = (
        np.array([int(digit) for digit in case[name]], np.uint8).reshape(case["shape"])
        for name in ("truth", "predicted")
    )
    ours = nsd_per_structure(truth, predicted, case["spacing_mm"], SCHEMA, case["tolerance_mm"])
    assert list(ours.values())[:3] == pytest.approx(case["nsd"], abs=1e-14)


def test_dice_and_nsd_of_a_real_ct_are_those_of_the_package() -> None:
    names = ("example_seg.nii.gz", "example_seg_fast.nii.gz")
    images = [nibabel.nifti1.load(real_ct_folder() / name) for name in names]
    truth, predicted = (np.asarray(image.dataobj, np.uint8) for image in images)
    dice = dice_per_structure(truth, predicted, SCHEMA)
    nsd = nsd_per_structure(truth, predicted, (3.0, 3.0, 3.0), SCHEMA)
    shown = {
        str(s.id): (dice[s.name], nsd[s.name])
        for s in SCHEMA.structures
        if dice[s.name] is not None
    }
    assert shown.keys() == FACTS["real"].keys()
    for label, values in FACTS["real"].items():
        assert shown[label] == pytest.approx(values, abs=1e-14)
