"""Who is studied, by the user's own table and options; and what ends with one clear sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from deltalake import write_deltalake

from jobs.aging import main
from jobs.percentile import main as percentile
from segment_actor.errors import SetupError
from stats.query import connect
from stats.study.candidates import Selection
from stats.study.demographics import Demographics
from stats.study.selection import select_cohort
from stats.tables.commit import Batch, CohortTables, Stamp
from tests.support.synthetic_cohort import write_synthetic_cohort

STRUCTURES = ("aorta", "brain", "liver")

STAMP = Stamp(run_id="run-9", run_date="2026-02-01", pipeline_version="v9")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> str:
    """60 patients to be studied, and as many as ever who are not."""
    place = str(tmp_path_factory.mktemp("small") / "tables")
    write_synthetic_cohort(place, 60, STRUCTURES)
    return place


def _aging(tables: str, out: Path, *options: str) -> Result:
    arguments = ["--tables", tables, "--out", str(out), "--complete", "brain"]
    return CliRunner().invoke(main, [*arguments, "--figures", "none", *options])


def _people(folder: Path, rows: list[dict[str, object]]) -> str:
    pd.DataFrame(rows).to_csv(folder / "people.csv", index=False)
    return str(folder / "people.csv")


def _sixty(**more: object) -> list[dict[str, object]]:
    return [
        {"series_key": f"ct-{i:05d}", "age_years": 20 + i, "sex": "F"} | more for i in range(60)
    ]


def test_the_users_ages_replace_those_of_the_tables(tables: str, tmp_path: Path) -> None:
    result = _aging(tables, tmp_path, "--demographics", _people(tmp_path, _sixty()))
    assert result.exit_code == 0, result.output
    rows = pd.read_parquet(tmp_path / "aging.parquet")
    assert set(rows["age_bound_2"]) == {49.5}
    assert set(rows["n"] + rows["excluded"]) == {60}


def test_what_no_method_looked_for_is_complete_in_nobody(tables: str, tmp_path: Path) -> None:
    result = _aging(tables, tmp_path, "--complete", "heart")  # of total_v2
    assert result.exit_code == 2
    assert "only 0 patients are left" in result.output
    people = pd.read_csv(tmp_path / "people.csv")
    assert (list(people), len(people)) == (["from_years", "men", "women", "others"], 0)


def test_keys_without_a_partner_are_counted_and_named(tables: str, tmp_path: Path) -> None:
    people = _people(tmp_path, [*_sixty()[:50], {"series_key": "stranger", "age_years": 50}])
    assert _aging(tables, tmp_path, "--demographics", people).exit_code == 0
    unmatched = pd.read_csv(tmp_path / "unmatched.csv")
    assert unmatched.groupby("side").size().to_dict() == {"demographics": 1, "scans": 73}
    assert "stranger" in set(unmatched["key"])
    flow = pd.read_csv(tmp_path / "flow.csv").set_index("step")["excluded"]
    assert flow["no row in the demographics file"] == 73


def test_each_sex_can_be_studied_by_itself(tables: str, tmp_path: Path) -> None:
    assert _aging(tables, tmp_path / "both", "--sex", "both-as-strata").exit_code == 0
    assert _aging(tables, tmp_path / "men", "--sex", "M").exit_code == 0
    both = pd.read_parquet(tmp_path / "both" / "aging.parquet")
    men = pd.read_parquet(tmp_path / "men" / "aging.parquet")
    assert len(both) == 2 * len(men) == 12
    assert both[both["sex"] == "M"]["r_s"].tolist() == men["r_s"].tolist()


def test_who_is_of_no_known_sex_is_counted_where_sexes_are_studied(tmp_path: Path) -> None:
    scans = [{"series_key": str(sex), "age_years": 50.0, "sex": sex} for sex in ("M", "O", None)]
    CohortTables(str(tmp_path)).commit(Batch(scans=scans), STAMP)
    with connect(str(tmp_path)) as database:
        everybody = select_cohort(database, None, Selection())
        either = select_cohort(database, None, Selection(sexes=["M", "F"]))
    assert (everybody.flow[-1].left, either.flow[-1].left) == (3, 1)
    assert either.flow[-1].excluded == 2


def test_a_text_column_of_the_users_table_can_be_corrected_for(tables: str, tmp_path: Path) -> None:
    people = [row | {"ward": "abc"[i % 3]} for i, row in enumerate(_sixty())]
    options = ("--demographics", _people(tmp_path, people), "--adjust", "ward")
    assert _aging(tables, tmp_path, *options).exit_code == 0
    rows = pd.read_parquet(tmp_path / "aging.parquet")
    assert set(rows["adjusted_for"]) == {"ward"}
    assert (rows["n_adjusted"] == rows["n"]).all()


@pytest.mark.parametrize("column", ["sex", "label_schema", "commit_seq", "kvp"])
def test_any_column_of_scans_can_be_corrected_for(tables: str, column: str) -> None:
    with connect(tables) as database:
        cohort = select_cohort(database, None, Selection(adjust=[column]))
    numbers = cohort.confounders[column]
    assert numbers.shape == (len(cohort.age_years), 1)
    assert np.isnan(numbers).all() == (column == "kvp")  # which no row of this table has


def test_of_a_patients_scans_one_stands_for_all_and_the_others_are_counted(tmp_path: Path) -> None:
    scans = [
        {"series_key": key, "patient_key": "p", "age_years": age, "structures_measured": n}
        for key, age, n in (("early", 50.0, 7), ("late", 57.5, 9), ("middle", 52.0, 8))
    ]
    CohortTables(str(tmp_path)).commit(Batch(scans=scans), STAMP)
    with connect(str(tmp_path)) as database:
        cohort = select_cohort(database, None, Selection())
    assert (cohort.patients, cohort.age_years[cohort.stands].tolist()) == (1, [57.5])
    assert (cohort.flow[-1].excluded, cohort.flow[-1].left) == (2, 1)


def test_a_scan_measured_again_counts_once_by_its_last_method(tmp_path: Path) -> None:
    place = CohortTables(str(tmp_path))
    for version, age in (("v9", 50.0), ("v1", 60.0)):
        scan = {"series_key": "a", "age_years": age, "label_schema": "paper104"}
        place.commit(Batch(scans=[scan]), Stamp("run", "2026-02-01", version))
    with connect(str(tmp_path)) as database:
        cohort = select_cohort(database, None, Selection())
    assert cohort.age_years.tolist() == [60.0]


def test_an_impossible_age_in_the_tables_is_left_out_and_counted(tmp_path: Path) -> None:
    scans = [{"series_key": str(age), "age_years": age} for age in (50.0, 999.0, -1.0)]
    CohortTables(str(tmp_path)).commit(Batch(scans=scans), STAMP)
    with connect(str(tmp_path)) as database:
        flow = select_cohort(database, None, Selection()).flow
    assert flow[-1].step == "age outside 0 to 123 years"
    assert (flow[-1].excluded, flow[-1].left) == (2, 1)


def test_no_partner_at_all_is_refused(tables: str) -> None:
    people = pa.table({"patient_key": ["x"], "age_years": [50.0]})
    with connect(tables) as database, pytest.raises(SetupError, match="no patient_key of f is"):
        select_cohort(database, Demographics("f", "patient_key", people), Selection())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--adjust", "smoker"], "there is no column smoker; choose from"),
        (["--adjust", "patient_key"], "column patient_key has 60 different texts"),
        (["--complete", "brian"], "there is no structure brian"),
        (["--demographics", "nowhere.csv"], "cannot read nowhere.csv"),
    ],
)
def test_what_cannot_be_done_is_said(
    tables: str, tmp_path: Path, options: list[str], sentence: str
) -> None:
    result = _aging(tables, tmp_path, *options)
    assert (result.exit_code, sentence in result.output) == (2, True), result.output


def test_fewer_than_eight_scans_are_no_cohort(tmp_path: Path) -> None:
    write_synthetic_cohort(str(tmp_path / "tables"), 7, STRUCTURES)
    result = _aging(str(tmp_path / "tables"), tmp_path / "out")
    assert result.exit_code == 2
    assert "only 7 patients are left for the study and 8 are needed" in result.output
    assert (tmp_path / "out" / "flow.csv").exists()


def test_tables_of_another_version_are_refused(tmp_path: Path) -> None:
    CohortTables(str(tmp_path))
    old = pa.table({"series_key": ["a"], "run_date": ["2026-01-01"], "commit_seq": [1]})
    write_deltalake(tmp_path / "scans", old, mode="overwrite", schema_mode="overwrite")
    result = _aging(str(tmp_path), tmp_path / "out")
    assert (result.exit_code, "Traceback" in result.output) == (2, False), result.output


@pytest.mark.parametrize(
    ("scan", "sentence"),
    [("nobody", "hold no scan nobody"), ("ct-00060", "age or sex of scan ct-00060 is not known")],
)
def test_a_scan_that_cannot_be_compared_is_refused(tables: str, scan: str, sentence: str) -> None:
    result = CliRunner().invoke(percentile, ["--tables", tables, "--scan", scan])
    assert (result.exit_code, sentence in result.output) == (2, True)


def test_too_few_people_give_a_reason_and_no_percentile(tables: str, tmp_path: Path) -> None:
    out = tmp_path / "one.csv"
    arguments = ["--tables", tables, "--scan", "ct-00000", "--window-years", "3"]
    assert CliRunner().invoke(percentile, [*arguments, "--out", str(out)]).exit_code == 0
    rows = pd.read_csv(out)
    assert len(rows) == 3
    assert rows["volume_ml_percentile"].isna().all()
    assert rows["hu_mean_reason"].str.contains("people to compare with|implausible").all()


def test_a_cut_structure_has_a_density_and_on_request_a_volume(tmp_path: Path) -> None:
    write_synthetic_cohort(str(tmp_path / "t"), 60, STRUCTURES)
    found = {}
    for flag in ((), ("--keep-truncated",)):
        arguments = ["--tables", str(tmp_path / "t"), "--out", str(tmp_path), "--figures", "none"]
        assert CliRunner().invoke(main, [*arguments, *flag]).exit_code == 0
        rows = pd.read_parquet(tmp_path / "aging.parquet").query("structure == 'brain'")
        found[flag] = rows.set_index("measure")["excluded_truncated"].to_dict()
    assert found[()]["hu_mean"] == 0
    assert found[()]["volume_ml"] > 25
    assert found["--keep-truncated",]["volume_ml"] == 0


def test_each_structure_and_sex_has_its_page(tmp_path: Path) -> None:
    write_synthetic_cohort(str(tmp_path / "tables"), 60, ("aorta", "brain"))
    result = _aging(
        str(tmp_path / "tables"), tmp_path, "--sex", "both-as-strata", "--figures", "all"
    )
    assert result.exit_code == 0, result.output
    names = {file.stem for file in (tmp_path / "figures").rglob("*.png")}
    pages = {f"{structure}_{sex}" for structure in ("aorta", "brain") for sex in "MF"}
    assert names == pages | {"overview_M", "overview_F", "strongest_M", "strongest_F"}


def test_a_study_that_ends_early_writes_nothing_and_leaves_older_files(
    tables: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert _aging(tables, out, "--figures", "none").exit_code == 0
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jobs.aging.draw_overview", full_disk)
    result = _aging(tables, out, "--figures", "overview", "--sex", "M")
    assert (result.exit_code, f"cannot write to {out}: No space" in result.output) == (2, True)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
