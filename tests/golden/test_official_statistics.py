"""Our measurement of the official label map equals the official statistics beside it.

Both files are TotalSegmentator's own (tests/reference_files, version 2.18.0). That statistics.json
was written with `--fast --statistics -sii` (tests/tests.sh there): `-sii` includes structures that
the field of view cuts, so the border rule is off in it and is tested apart.
"""

from __future__ import annotations

import json
from functools import cache

import nibabel.nifti1
import numpy as np
import pytest
from click.testing import CliRunner

from jobs.measure import main
from segment_actor.anatomy import load_schema
from stats.label_map.totalsegmentator import official_statistics
from stats.measure import measure
from tests.support.real_ct import real_ct_folder

SCHEMA = load_schema("total_v2")
SPACING_MM = (3.0, 3.0, 3.0)


@cache
def _case() -> tuple[np.ndarray, np.ndarray, dict[str, dict[str, float]]]:
    folder = real_ct_folder()
    hu = nibabel.nifti1.load(folder / "example_ct_sm.nii.gz")
    labels = nibabel.nifti1.load(folder / "example_seg_fast.nii.gz")
    official = json.loads((folder / "example_seg_fast" / "statistics.json").read_text())
    return np.asarray(hu.dataobj, np.int16), np.asarray(labels.dataobj, np.uint8), official


def test_all_117_volumes_equal_the_official_ones_and_mean_hu_to_1e_4() -> None:
    hu, labels, official = _case()
    ours = official_statistics(hu, labels, SPACING_MM, SCHEMA, include_incomplete=True)
    assert ours.keys() == official.keys()
    for name, theirs in official.items():
        assert ours[name].volume == theirs["volume"], name
        assert ours[name].intensity == pytest.approx(theirs["intensity"], abs=1e-4), name


def test_the_border_rule_drops_exactly_the_structures_within_three_voxels_of_a_face() -> None:
    hu, labels, official = _case()
    ours = official_statistics(hu, labels, SPACING_MM, SCHEMA)
    inside = set(np.unique(labels[3:-3, 3:-3, 3:-3]))
    shell = labels.copy()
    shell[3:-3, 3:-3, 3:-3] = 0
    kept = {SCHEMA.by_id[n].name for n in inside - set(np.unique(shell)) - {0}}
    assert len(kept) == 5
    for name, theirs in official.items():
        assert ours[name].volume == (theirs["volume"] if name in kept else 0.0), name


def test_our_own_rows_hold_the_same_volumes_and_means_in_ml() -> None:
    hu, labels, official = _case()
    for row in measure(hu, labels, 0.027, SCHEMA):
        theirs = official[row.structure]
        if row.status == "absent":
            assert theirs["volume"] == 0.0
            assert row.volume_ml is None
        else:
            assert row.volume_ml == pytest.approx(theirs["volume"] / 1000)
            assert row.hu_mean == pytest.approx(theirs["intensity"], abs=1e-4)


@pytest.mark.parametrize("flags", [[], ["--include-incomplete"]])
def test_the_measure_command_writes_the_official_numbers_on_request(flags: list[str]) -> None:
    folder, (hu, labels, _) = real_ct_folder(), _case()
    ct, label_map = folder / "example_ct_sm.nii.gz", folder / "example_seg_fast.nii.gz"
    options = ["--ct", str(ct), "--labels", str(label_map), "--schema", "total_v2"]
    result = CliRunner().invoke(
        main, [*options, "--compat", "totalsegmentator", "--format", "json", *flags]
    )
    expected = official_statistics(hu, labels, SPACING_MM, SCHEMA, include_incomplete=bool(flags))
    assert {row["structure"]: row["volume"] for row in json.loads(result.stdout)} == {
        name: statistic.volume for name, statistic in expected.items()
    }


def test_the_measure_command_refuses_a_label_map_of_another_grid() -> None:
    folder = real_ct_folder()
    ct, other = folder / "example_ct_sm.nii.gz", folder / "example_seg_fast_force_split.nii.gz"
    result = CliRunner().invoke(
        main, ["--ct", str(ct), "--labels", str(other), "--schema", "total_v2"]
    )
    assert result.exit_code == 2
    assert "the label map (122, 101, 112)" in result.stderr
