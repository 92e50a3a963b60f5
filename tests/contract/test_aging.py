"""The paper's aging study on a cohort like the paper's, with everything planted in it found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from scipy import stats

from jobs.aging import main
from jobs.percentile import main as percentile
from segment_actor.anatomy import load_schema
from stats.query import connect
from tests.support.synthetic_cohort import SyntheticCohort, write_synthetic_cohort

LOWER_ML = {s.name: s.lower_volume_ml for s in load_schema("paper104").structures}


def _aging(tables: Path, out: Path, *options: str) -> Result:
    arguments = ["--tables", str(tables), "--out", str(out), "--figures", "none", *options]
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("aging")


@pytest.fixture(scope="module")
def planted(place: Path) -> SyntheticCohort:
    """4,004 patients in `place`/tables, and the study of them in `place`/out."""
    cohort = write_synthetic_cohort(str(place / "tables"))
    options = ("--complete", "brain", "--figures", "overview", "--adjust", "sex")
    result = _aging(place / "tables", place / "out", *options)
    assert result.exit_code == 0, result.output
    return cohort


@pytest.fixture(scope="module")
def rows(place: Path, planted: SyntheticCohort) -> pd.DataFrame:  # noqa: ARG001 - it writes them
    return pq.read_table(place / "out" / "aging.parquet").to_pandas()


@pytest.fixture(scope="module")
def columns(place: Path, planted: SyntheticCohort) -> dict[str, pd.DataFrame]:  # noqa: ARG001
    """The same columns without any code of the study, one table a structure."""
    with connect(str(place / "tables")) as database:
        everything = database.sql(
            """SELECT structure, age_years, sex, volume_ml, hu_mean
               FROM structures JOIN scans USING (series_key)
               WHERE age_years IS NOT NULL AND series_key NOT IN (
                   SELECT series_key FROM structures WHERE status = 'truncated')"""
        ).df()
    whole = everything["volume_ml"] >= everything["structure"].map(LOWER_ML)
    return dict(iter(everything[whole].groupby("structure")))


def test_the_flow_is_that_of_a_study_like_the_papers(place: Path, rows: pd.DataFrame) -> None:
    flow = pd.read_csv(place / "out" / "flow.csv")
    scans = flow[flow["unit"] == "scans"]
    assert scans["left"].tolist() == [4102, 4067, 4067, 4037, 4004]
    assert scans["excluded"].tolist() == [0, 35, 0, 30, 33]
    assert set(rows["n"] + rows["excluded"]) == {4004}
    people = pd.read_csv(place / "out" / "people.csv")
    men, women = people["men"].sum(), people["women"].sum()
    assert (men + women, round(men / 4004, 2), people["others"].sum()) == (4004, 0.63, 0)


def test_every_planted_correlation_lies_in_its_interval(
    rows: pd.DataFrame, planted: SyntheticCohort
) -> None:
    truth = pd.Series(
        list(map(planted.planted.get, rows[["structure", "measure"]].itertuples(index=False)))
    )
    assert len(rows) == 208
    assert rows[~truth.between(rows["ci_low"], rows["ci_high"])].empty
    assert (rows["significant"] == (truth != 0.0)).all()
    assert (rows["correlated"] == (truth != 0.0)).all()


def test_exactly_the_planted_failures_are_excluded_and_counted(
    place: Path, rows: pd.DataFrame, planted: SyntheticCohort
) -> None:
    assert (rows["excluded"] == rows["structure"].map(planted.failed)).all()
    assert (rows["excluded_below_cutoff"] == rows["excluded"]).all()
    flow = pd.read_csv(place / "out" / "flow.csv").set_index("step")["excluded"]
    below = flow["failed segmentation: volume below the lower cut-off"]
    assert below == sum(planted.failed.values())
    liver = rows[rows["structure"] == "liver"].iloc[0]
    assert liver["excluded_reasons"] == f"{planted.failed['liver']} below 100 ml"


def test_every_statistic_is_scipys_on_the_same_columns(
    rows: pd.DataFrame, columns: dict[str, pd.DataFrame], planted: SyntheticCohort
) -> None:
    bounds = np.quantile(planted.age_years, [0.25, 0.5, 0.75])
    for row in rows.to_dict("records"):
        table = columns[row["structure"]]
        ages, values = table["age_years"], table[row["measure"]]
        groups = [g for _, g in values.groupby(np.digitize(ages, bounds))]
        spearman, kruskal = stats.spearmanr(ages, values), stats.kruskal(*groups)
        normal = stats.kstest(values, "norm", args=(values.mean(), values.std()))
        expected = {
            "r_s": spearman.statistic, "p": spearman.pvalue, "ks_d": normal.statistic,
            "kruskal_h": kruskal.statistic, "kruskal_p": kruskal.pvalue,
            "q3_median": groups[2].median(), "mean": values.mean(), "n": len(values),
            "slope_per_decade": 10 * np.polyfit(ages, values, 1)[0],
            "p_q1_q2": stats.mannwhitneyu(groups[0], groups[1]).pvalue,
            "p_q3_q4": stats.mannwhitneyu(groups[2], groups[3]).pvalue,
        }  # fmt: skip
        assert {name: row[name] for name in expected} == pytest.approx(
            expected, rel=1e-9, abs=1e-300
        )


def test_a_correction_for_sex_is_the_partial_correlation_of_the_ranks(
    rows: pd.DataFrame, columns: dict[str, pd.DataFrame]
) -> None:
    aorta = columns["aorta"].assign(man=columns["aorta"]["sex"] == "M")
    xy, xz, yz = (
        stats.spearmanr(aorta[a], aorta[b]).statistic
        for a, b in (("age_years", "volume_ml"), ("age_years", "man"), ("volume_ml", "man"))
    )
    row = rows.set_index(["structure", "measure"]).loc["aorta", "volume_ml"]
    assert row["r_s_adjusted"] == pytest.approx((xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2)))
    assert row["r_s_adjusted"] > row["r_s"]


def test_reference_values_are_near_the_percentiles_of_people_within_five_years(
    place: Path, columns: dict[str, pd.DataFrame]
) -> None:
    curve = pd.read_parquet(place / "out" / "reference.parquet")
    point = curve.query("structure == 'liver' and measure == 'volume_ml' and sex == 'F'")
    point = point.set_index("age_years").loc[63]
    women = columns["liver"].query("sex == 'F' and 58 <= age_years <= 68")["volume_ml"]
    assert point["n"] == len(women)
    for share in (5, 25, 50, 75, 95):
        counted = stats.quantile_test(women, p=share / 100).confidence_interval(0.95)
        column = f"p{share:02d}"
        assert counted.low < point[column] < counted.high
        # the curve is surer than counting, by what it knows of other ages
        assert 0 < point[f"{column}_high"] - point[f"{column}_low"] < counted.high - counted.low


def test_a_patients_percentile_is_scipys_among_people_like_him(
    place: Path, planted: SyntheticCohort, tmp_path: Path
) -> None:
    out = tmp_path / "one.parquet"
    arguments = ["--tables", str(place / "tables"), "--scan", "ct-00003", "--out", str(out)]
    assert CliRunner().invoke(percentile, arguments).exit_code == 0
    row = pd.read_parquet(out).set_index("structure").loc["aorta"]
    with connect(str(place / "tables")) as database:
        others = database.sql(
            f"""SELECT volume_ml FROM structures JOIN scans USING (series_key)
                WHERE structure = 'aorta' AND status = 'ok' AND series_key <> 'ct-00003'
                AND sex = (SELECT sex FROM scans WHERE series_key = 'ct-00003')
                AND abs(age_years - {planted.age_years[3]}) <= 5"""
        ).df()["volume_ml"]
    expected = stats.percentileofscore(others, row["volume_ml"], kind="mean")
    assert row["volume_ml_percentile"] == pytest.approx(expected)
    assert row["volume_ml_n"] == len(others)


@pytest.mark.parametrize("name", ["overview.png", "strongest.png"])
def test_pictures_are_drawn(place: Path, rows: pd.DataFrame, name: str) -> None:  # noqa: ARG001
    with Image.open(place / "out" / "figures" / name) as picture:
        assert min(picture.size) > 1000
