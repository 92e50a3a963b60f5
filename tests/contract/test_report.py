"""The report says what SQL says, loads nothing, names nobody, and stands any content or none."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jobs.query import main as query
from jobs.report import main
from jobs.report_page.axis import figure
from stats.query import connect
from stats.report.cohort import LengthBin, Lengths, ages, lengths, scanners
from stats.report.correlations import age_correlations
from stats.report.overview import overview
from stats.report.quality import FlaggedStructure, quality
from stats.report.structures import structure_figures
from stats.study.aging import Question, run_study
from stats.study.candidates import Selection
from stats.study.selection import select_cohort
from stats.tables.commit import Batch, CohortTables, Stamp
from tests.support.seaweed import running_seaweed
from tests.support.synthetic_cohort import FAILED, INCOMPLETE, UNKNOWN_AGE, write_synthetic_cohort

STAMP = Stamp(run_id="run-1", run_date="2026-01-31", pipeline_version="v1")
PATIENTS = 120
ONLY = ("liver", "aorta", "gluteus_minimus_left", "brain")
INERT = "<script>alert('x')</script>\"'&"
BEGAN = datetime(2026, 1, 31, 20, tzinfo=UTC)

VOID = {"meta", "link", "br", "col", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags with their attributes, text, and whether every tag was closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def _run(tables: str, out: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["--tables", tables, "--out", str(out), *options])


def _page(tables: str, out: Path, *options: str) -> Page:
    done = _run(tables, out, *options)
    assert done.exit_code == 0, done.output
    page = Page(out.read_text(encoding="utf-8"))
    assert page.open == []
    return page


def _scan(key: str, **columns: Any) -> dict[str, object]:
    return {"series_key": key, "label_schema": "paper104", "model_set": "embedded", **columns}


def _write_run(tables: CohortTables, todo: int, stamp: Stamp = STAMP, **columns: Any) -> None:
    row = {
        "run_id": stamp.run_id, "started_at": BEGAN, "finished_at": BEGAN + timedelta(hours=2),
        "status": "finished", "model_set": "embedded", "label_schema": "paper104",
        "code_version": "0.1.0", "settings_json": json.dumps({"precision": "bfloat16"}),
        "cts_todo": todo, "cts_done": 0, "cts_failed": 0, "ct_per_hour": 77.25,
    }  # fmt: skip
    tables.write_run(row | columns, stamp)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The synthetic cohort and, in a second commit, one scan and one failure full of traps."""
    uri = str(tmp_path_factory.mktemp("report") / "ward 7")
    write_synthetic_cohort(uri, PATIENTS, ONLY)
    committer = CohortTables(uri)
    trap = _scan(
        "ct-trap", patient_key="patient-trap", manufacturer="Maker", scanner_model=INERT,
        field_of_view_mm=512.0, slice_thickness_mm=1.5, fetch_s=1.0, read_s=2.0, resample_s=3.0,
        network_s=30.0, measure_s=0.5, structures_measured=1, qc="warn", sex="F",
        qc_reasons="too_small: liver; remnant: spleen", resampling="order 3",
    )  # fmt: skip
    liver = _scan("ct-trap", structure="liver", voxel_count=9, volume_ml=250.0, hu_mean=50.0)
    failure = {"series_key": "broken-trap", "code": "odd_code", "sentence": INERT, "stage": "read"}
    batch = Batch(scans=[trap], structures=[liver | {"status": "ok"}], failures=[failure])
    committer.commit(batch, STAMP)
    _write_run(committer, PATIENTS + UNKNOWN_AGE + INCOMPLETE + FAILED + 2 + 5)
    return uri


@pytest.fixture(scope="module")
def page(tables: str, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return _page(tables, tmp_path_factory.mktemp("page") / "report.html", "--title", f"T {INERT}")


def _ask(tables: str, sql: str) -> list[tuple[Any, ...]]:
    with connect(tables) as database:
        return database.sql(sql).fetchall()


def test_the_head_counts_series_as_sql_does(tables: str, page: Page) -> None:
    ((measured,),) = _ask(tables, "SELECT count(*) FROM scans")
    ((failed,),) = _ask(tables, "SELECT count(DISTINCT series_key) FROM failures")
    seen = measured + failed + 5
    assert f"Series seen {seen} Measured {measured} " in page.text
    assert f"Failed {failed} " in page.text
    assert "Not reached 5 by the last run" in page.text


def test_the_last_run_is_told_with_its_speed_and_precision(page: Page) -> None:
    assert "Last run: 31 Jan 2026, 20:00, model set embedded, bfloat16, finished." in page.text
    assert "2.0 h 77.2" in page.text


def test_failures_are_counted_by_code_with_words_and_an_example(page: Page) -> None:
    ends = "The file ends too early, cut off on its way: send it again. For example: The file ends"
    assert ends in page.text
    assert f"truncated_file not known {FAILED} 97.2 %" in page.text


def test_a_series_that_was_measured_later_is_no_failure(tmp_path: Path) -> None:
    committer = CohortTables(str(tmp_path / "t"))
    failure = {"series_key": "a", "code": "vanished", "sentence": "Gone.", "stage": "fetch"}
    committer.commit(Batch(failures=[failure]), STAMP)
    committer.commit(Batch(scans=[_scan("a")]), STAMP)
    text = _page(str(tmp_path / "t"), tmp_path / "r.html").text
    assert "Failed 0 " in text
    assert "Nothing failed" in text


def test_volumes_are_those_of_whole_structures(tables: str, page: Page) -> None:
    sql = "SELECT count(*), median(volume_ml) FROM latest WHERE status = 'ok' AND structure = "
    for name in ("liver", "gluteus_minimus_left"):
        ((n, median),) = _ask(tables, f"{sql}'{name}'")
        assert f"{name.replace('_', ' ')} {figure(median)} {n} " in page.text


def test_quantiles_of_many_rows_are_nearly_those_of_few(tables: str) -> None:
    with connect(tables) as database:
        exact = structure_figures(database, exact=True)
        digest = structure_figures(database, exact=False)
    for one, other in zip(exact, digest, strict=True):
        assert other.measured.volume_ml == pytest.approx(one.measured.volume_ml, rel=0.05)
        assert replace(one, measured=other.measured) == other


def test_quality_is_counted_by_verdict_finding_and_structure(tables: str, page: Page) -> None:
    ((whole,),) = _ask(tables, "SELECT count(*) FROM latest_scans WHERE qc IS NULL")
    assert f"not judged: {whole}" in page.text
    assert "its volume is below half of the lower cut-off. too_small warn 1 100 %" in page.text
    with connect(tables) as database:
        assert quality(database).flagged == (FlaggedStructure("liver", 1, "too_small"),)


def test_the_cohort_counts_who_is_not_known(page: Page) -> None:
    scans = PATIENTS + UNKNOWN_AGE + INCOMPLETE + 1
    share = f"({100 * (UNKNOWN_AGE + 1) / scans:.1f} %)"
    assert f"age in {UNKNOWN_AGE + 1} series {share}" in page.text


def test_ages_and_bins_add_up_to_all_scans(tables: str) -> None:
    ((scans, aged),) = _ask(tables, "SELECT count(*), count(age_years) FROM latest_scans")
    with connect(tables) as database:
        candidates = select_cohort(database, None, Selection()).candidates_table
        assert sum(b.men + b.women + b.others for b in ages(database, candidates)) == aged
        found = lengths(database, "field_of_view_mm", (400.0, 512.0, 600.0))
        assert found == Lengths((LengthBin(400.0, 512.0, 1),), not_known=scans - 1)
        assert sum(scanner.scans for scanner in scanners(database)) == scans


def test_scanners_that_are_on_no_list_are_counted_as_other(tmp_path: Path) -> None:
    names = [("Siemens", "other"), ("other", "Aquilion"), ("other", "other"), ("other", None)]
    scans = [
        _scan(f"ct-{n}", manufacturer=maker, scanner_model=model)
        for n, (maker, model) in enumerate([*names, (None, None)])
    ]
    CohortTables(str(tmp_path)).commit(Batch(scans=scans, structures=[], failures=[]), STAMP)
    with connect(str(tmp_path)) as database:
        counted = {scanner.name: scanner.scans for scanner in scanners(database)}
    assert counted == {"other": 2, "Aquilion": 1, "Siemens other": 1, None: 1}


def test_correlations_are_those_of_the_aging_study(tables: str) -> None:
    with connect(tables) as database:
        cohort = select_cohort(database, None, Selection())
        ours = list(age_correlations(database, cohort))
        studied = run_study(database, cohort, Question())
        study = [row for s in studied for row in s.rows if row.get("r_s") is not None]
    assert len(ours) == 2 * len(ONLY)
    for one, other in zip(ours, study, strict=True):
        assert one.significant == other["correlated"]
        same = ("structure", "measure", "n", "r_s", "ci_low", "ci_high", "p")
        assert {k: getattr(one, k) for k in same} == {k: other[k] for k in same}


def test_another_selection_leaves_the_overview_of_the_first_as_it_was(tables: str) -> None:
    with connect(tables) as database:
        everybody = select_cohort(database, None, Selection())
        before = overview(database, tables, everybody)
        select_cohort(database, None, Selection(sexes=["M"]))
        assert overview(database, tables, everybody) == before


def test_the_page_loads_nothing_and_runs_nothing(page: Page) -> None:
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form"})
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")


def test_its_text_has_no_address_outside(tables: str, tmp_path: Path) -> None:
    _run(tables, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert re.findall(r"https?:|@import|url\(|//[a-z]", text) == []
    assert "default-src 'none'" in text


def test_it_names_no_path_no_series_and_no_patient(tables: str, tmp_path: Path) -> None:
    _run(tables, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert not re.search(r"ct-\d|patient-|broken-|ct-trap", text)
    assert "ward 7" not in text
    assert str(tmp_path) not in text


def test_whatever_the_tables_hold_is_only_text(tables: str, page: Page, tmp_path: Path) -> None:
    _run(tables, tmp_path / "r.html", "--title", f"T {INERT}")
    raw = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in raw
    assert raw.count(html.escape("<script>alert(")) == 4  # title twice, a scanner, a sentence
    assert page.text.count(INERT) == 4


def test_every_drawing_has_words_or_is_hidden_from_readers_of_words(page: Page) -> None:
    for tag, attributes in page.tags:
        if tag == "svg" and "x" not in attributes:  # with x: a mark inside a drawing
            assert attributes.get("aria-hidden") == "true" or attributes["aria-label"]


def test_the_questions_in_the_footer_can_be_asked(tables: str, tmp_path: Path) -> None:
    _run(tables, tmp_path / "r.html")
    text = html.unescape((tmp_path / "r.html").read_text(encoding="utf-8"))
    questions = re.findall(r'ctcohort query --tables URI "([^"]+)"', text)
    assert len(questions) == 3
    for sql in questions:
        assert CliRunner().invoke(query, ["--tables", tables, sql]).exit_code == 0


@pytest.mark.parametrize(
    "sentence",
    [
        "No run is on record",
        "the tables hold neither measured nor failed series yet",
        "No stage was timed: no series has been measured yet",
        "No series was judged, because none has been measured yet",
        "Not studied: 0 patients of known age, and at least 8 are needed",
    ],
)
def test_empty_tables_make_a_page_that_says_what_is_missing(sentence: str, tmp_path: Path) -> None:
    CohortTables(str(tmp_path / "t"))
    assert sentence in _page(str(tmp_path / "t"), tmp_path / "r.html").text


def test_one_scan_without_anything_known_makes_a_page(tmp_path: Path) -> None:
    row = _scan("a", structure="liver", voxel_count=0, status="absent")
    CohortTables(str(tmp_path / "t")).commit(Batch(scans=[_scan("a")], structures=[row]), STAMP)
    text = _page(str(tmp_path / "t"), tmp_path / "r.html").text
    assert "these series carry no times" in text
    assert "liver never whole – 0 not measured – 0" in text
    assert "No age is known." in text
    assert "Not studied: 0 patients of known age" in text


def test_of_few_scans_there_is_a_median_and_no_percentile(tmp_path: Path) -> None:
    for n in (19, 20):
        uri = str(tmp_path / f"t{n}")
        scans = [_scan(f"ct-{i}", network_s=float(i), age_years=40.0 + i) for i in range(n)]
        CohortTables(uri).commit(Batch(scans=scans), STAMP)
        text = _page(uri, tmp_path / "r.html").text
        assert ("no 95th percentile" in text) == (n < 20)
        assert ("years in the median, 5th to 95th" in text) == (n >= 20)


def test_a_model_set_for_phantoms_is_warned_of(page: Page, tmp_path: Path) -> None:
    assert "Trained on phantoms, for phantoms: never for patients." in page.text
    committer = CohortTables(str(tmp_path / "t"))
    _write_run(committer, 1, model_set="our-own")
    assert "phantoms" not in _page(str(tmp_path / "t"), tmp_path / "r.html").text


def test_two_methods_are_warned_of_and_a_killed_run_is_no_finished_one(tmp_path: Path) -> None:
    committer = CohortTables(str(tmp_path / "t"))
    other = Stamp(run_id="run-2", run_date="2026-02-01", pipeline_version="v2")
    committer.commit(Batch(scans=[_scan("a"), _scan("b")]), STAMP)
    committer.commit(Batch(scans=[_scan("b")]), other)
    _write_run(committer, 3, other, status="running", finished_at=None, ct_per_hour=None)
    text = _page(str(tmp_path / "t"), tmp_path / "r.html").text
    assert "2 methods (pipeline versions) have measured CTs of these tables." in text
    assert "This page counts v1 alone" in text
    assert "running, or killed embedded bfloat16 3 1 0 2 – –" in text
    assert "Measured 2 " in text


def test_ages_can_come_from_a_file(tmp_path: Path) -> None:
    scans = [_scan(f"ct-{n}", patient_key=f"p-{n}") for n in range(3)]
    CohortTables(str(tmp_path / "t")).commit(Batch(scans=scans), STAMP)
    people = tmp_path / "people.csv"
    people.write_text("patient_key,age_years,sex\np-0,40,M\np-1,60,F\n")
    text = _page(str(tmp_path / "t"), tmp_path / "r.html", "--demographics", str(people)).text
    assert "Age 50.0 years in the median" in text
    assert "Not known: age in 1 series" in text


@pytest.mark.s3
def test_tables_on_s3_make_the_same_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = _scan("a", structure="liver", voxel_count=9, volume_ml=1500.0, hu_mean=60.0, status="ok")
    with running_seaweed(tmp_path / "server") as server:
        server.use(monkeypatch)
        CohortTables("s3://tables/r").commit(Batch(scans=[_scan("a")], structures=[row]), STAMP)
        text = _page("s3://tables/r", tmp_path / "r.html").text
    assert "liver 1,500 1 60.0 1" in text
    assert "s3:" not in text


def test_a_file_of_the_tables_that_went_away_is_one_sentence(tmp_path: Path) -> None:
    write_synthetic_cohort(str(tmp_path / "t"), 20, ("liver",))
    for file in (tmp_path / "t" / "structures").rglob("*.parquet"):
        file.unlink()
    done = _run(str(tmp_path / "t"), tmp_path / "r.html")
    assert done.exit_code == 2
    assert "ctcohort report: the tables cannot be read: IO Error: No files found" in done.stderr


def test_what_cannot_be_read_or_written_is_one_sentence(tables: str, tmp_path: Path) -> None:
    nowhere = _run(tables, tmp_path / "no" / "r.html")
    assert (nowhere.exit_code, nowhere.stderr.count("\n")) == (2, 1)
    assert "cannot write" in nowhere.stderr
    (tmp_path / "folder.html").mkdir()
    assert _run(tables, tmp_path / "folder.html").exit_code == 2
    assert _run(str(tmp_path / "none"), tmp_path / "r.html").exit_code == 2
