"""From label maps of cases to the table of structures and the summary."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segment_actor.anatomy import load_schema
from stats.agreement.evaluation import (
    ComparisonSettings,
    common_structures,
    compare_case,
    evaluate_kinds,
    evaluate_structures,
    kind_of,
    summarize,
    with_second_prediction,
)

METHOD = ComparisonSettings(load_schema("paper104"))
IDS = METHOD.schema.ids


def rows(case: str, **dice: float) -> pd.DataFrame:
    """Rows of one case: structure=Dice; NaN is absent in the truth, 0 is missed."""
    shown = {name: not np.isnan(value) for name, value in dice.items()}
    return pd.DataFrame(
        {
            "case": case,
            "structure": list(dice),
            "dice": list(dice.values()),
            "nsd": list(dice.values()),
            "truth_ml": [100.0 * shown[name] for name in dice],
            "predicted_ml": [np.nan_to_num(value) * 100 for value in dice.values()],
        }
    )


def all_rows(*cases: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(cases, ignore_index=True)


def test_a_case_has_one_row_a_structure_with_volumes_in_ml() -> None:
    truth, predicted = np.zeros((2, 10, 10, 10), np.uint8)
    truth[2:6, 2:6, 2:7], predicted[2:6, 2:6, 2:6] = IDS["liver"], IDS["liver"]
    found = compare_case("a", truth, predicted, (5.0, 5.0, 4.0), METHOD).set_index("structure")
    assert list(found.index) == list(METHOD.schema.names)
    assert found.loc["liver", "truth_ml"] == pytest.approx(8.0)
    assert found.loc["liver", "predicted_ml"] == pytest.approx(6.4)
    assert found.loc["liver", "dice"] == pytest.approx(2 * 64 / (64 + 80))
    assert found[["dice", "nsd"]].drop("liver").isna().all().all()


def test_a_missed_structure_counts_as_0_and_an_absent_one_not_at_all() -> None:
    cases = all_rows(rows("a", liver=0.9), rows("b", liver=0.0), rows("c", liver=np.nan))
    found = evaluate_structures(cases, ["liver"]).iloc[0]
    assert (found["n"], found["missed"], found["dice_mean"]) == (2, 1, pytest.approx(0.45))


def test_a_structure_predicted_where_there_is_none_is_counted() -> None:
    cases = rows("a", liver=np.nan)
    cases["predicted_ml"] = 3.0
    found = evaluate_structures(cases, ["liver"]).iloc[0]
    assert (found["n"], found["only_predicted"]) == (0, 1)
    assert np.isnan(found["dice_mean"])


def test_volumes_of_missed_structures_are_in_the_bias() -> None:
    cases = all_rows(rows("a", liver=1.0), rows("b", liver=0.0))
    assert evaluate_structures(cases, ["liver"]).iloc[0]["volume_bias_ml"] == pytest.approx(-50.0)


def test_the_two_orders_of_averaging_differ_where_a_case_lacks_a_structure() -> None:
    cases = all_rows(rows("a", liver=1.0, spleen=0.5), rows("b", liver=0.8, spleen=np.nan))
    found = summarize(cases, ["liver", "spleen"]).set_index(["measure", "mean_over"])
    assert found.loc[("dice", "cases"), "mean"] == pytest.approx((0.75 + 0.8) / 2)
    assert found.loc[("dice", "structures"), "mean"] == pytest.approx((0.9 + 0.5) / 2)
    assert set(found["n_cases"]) == {2}
    assert set(found["n_structures"]) == {2}


def test_a_second_set_of_predictions_is_tested_case_by_case() -> None:
    cases = [
        with_second_prediction(rows(f"{n}", liver=0.9 + n / 100), rows(f"{n}", liver=0.7 + n / 200))
        for n in range(8)
    ]
    found = evaluate_structures(all_rows(*cases), ["liver"]).iloc[0]
    assert found["dice_mean_against"] == pytest.approx(0.7 + 3.5 / 200)
    assert found["dice_wilcoxon_p"] == pytest.approx(2 / 2**8)
    assert summarize(all_rows(*cases), ["liver"])["wilcoxon_p"][0] == pytest.approx(2 / 2**8)


def test_few_cases_have_a_reason_instead_of_a_p() -> None:
    cases = with_second_prediction(rows("a", liver=0.9), rows("a", liver=0.8))
    found = evaluate_structures(cases, ["liver"]).iloc[0]
    assert np.isnan(found["nsd_wilcoxon_p"])
    assert "1 of 1 pairs differ" in found["nsd_wilcoxon_reason"]


def test_common_structures_are_those_that_all_three_show_in_some_case() -> None:
    cases = with_second_prediction(
        rows("a", liver=0.9, spleen=0.9, aorta=np.nan, colon=0.0),
        rows("a", liver=0.8, spleen=0.0, aorta=np.nan, colon=0.5),
    )
    assert common_structures(cases) == ["liver"]


def test_left_and_right_ribs_and_vertebrae_are_taken_together() -> None:
    names = ["kidney_left", "rib_right_11", "vertebrae_L5", "lung_upper_lobe_left", "portal_vein"]
    kinds = ["kidney", "rib", "vertebrae", "lung_upper_lobe", "portal_vein"]
    assert list(map(kind_of, names)) == kinds
    cases = all_rows(rows("a", kidney_left=0.8, kidney_right=1.0), rows("b", kidney_left=0.5))
    found = evaluate_kinds(cases).iloc[0]
    assert (found["kind"], found["n"], found["dice_mean"]) == ("kidney", 2, pytest.approx(0.7))
