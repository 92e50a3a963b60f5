from __future__ import annotations

import pandas as pd
import pytest

from jobs.shared.phantom_score import agreement_by_group


def test_a_groups_dice_is_the_mean_over_structures_not_over_cts() -> None:
    # liver: 1.0 and 0.8 -> 0.9; spleen: 0.5 -> mean of the group 0.7, where all rows give 0.767
    rows = pd.DataFrame(
        {
            "series_key": ["a", "b", "a", "a"],
            "structure": ["liver", "liver", "spleen", "rib_left_1"],
            "group": ["organs", "organs", "organs", "ribs"],
            "dice": [1.0, 0.8, 0.5, 0.9],
            "volume_error_percent": [-4.0, 2.0, None, 10.0],
        }
    )
    table = agreement_by_group(rows)
    assert list(table.index) == ["organs", "ribs", "all"]
    assert table.loc["organs", "mean_dice"] == pytest.approx(0.7)
    assert table.loc["all", "mean_dice"] == pytest.approx((0.9 + 0.5 + 0.9) / 3)
    assert table.loc["organs", "median_volume_error_percent"] == 3.0
