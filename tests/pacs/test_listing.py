"""What a PACS is asked for, and what is made of its answers, whatever it is able to do."""

from __future__ import annotations

import json
from datetime import date
from http.server import BaseHTTPRequestHandler

import pytest

from cluster.stores.dicomweb import DicomWebArchive
from segment_actor.errors import SetupError
from tests.support.odd_pacs import (
    UID_ROOT,
    Answer,
    OddPacs,
    Request,
    error,
    send,
    send_json,
    web_page,
)

Handler = BaseHTTPRequestHandler


def listed(archive: DicomWebArchive) -> list[str]:
    return [one.path.rpartition("/")[2] for one in archive.list()]


@pytest.mark.parametrize(
    ("cap", "pages"),
    [(500, True), (2, True), (3, True), (9, False)],
    ids=["all fit", "smaller pages", "smaller odd pages", "offset and limit ignored"],
)
def test_each_series_is_there_once_whatever_a_server_makes_of_paging(
    pacs: OddPacs, cap: int, pages: bool
) -> None:
    rows = [pacs.series_row(number) for number in range(7)]

    def answer(handler: Handler, request: Request) -> None:
        first = int(request.query.get("offset", 0)) if pages else 0
        send_json(handler, rows[first : first + cap])

    pacs.answers["series"] = answer
    archive = DicomWebArchive(f"{pacs.uri}?limit=5")
    assert listed(archive) == [f"1.2.{number}" for number in range(7)]


def test_a_server_that_hides_what_is_behind_its_first_page_is_refused(pacs: OddPacs) -> None:
    rows = [pacs.series_row(number) for number in range(7)]
    pacs.answers["series"] = lambda handler, request: send_json(
        handler, rows[: int(request.query["limit"])]
    )
    with pytest.raises(SetupError, match="Narrow the address by StudyDate"):
        list(DicomWebArchive(f"{pacs.uri}?limit=5").list())


def test_a_server_that_has_more_and_says_so_is_refused(pacs: OddPacs) -> None:
    body = json.dumps([pacs.series_row()]).encode()
    warning = {"Warning": "299 PACS: There are 7 additional results that can be requested"}
    pacs.answers["series"] = lambda handler, _: send(handler, body, headers=warning)
    with pytest.raises(SetupError, match="Narrow the address by StudyDate"):
        list(DicomWebArchive(pacs.uri).list())


@pytest.mark.parametrize(
    "answer",
    [
        error(400),
        error(404),
        error(500),
        error(501),
        web_page,
        lambda handler, _: send_json(handler, []),
    ],
)
def test_a_server_that_searches_no_series_is_asked_study_by_study(
    pacs: OddPacs, answer: Answer
) -> None:
    pacs.answers["series"] = answer
    uri = f"{pacs.uri}?StudyDate=20260101-&KVP=120&fuzzymatching=true"
    archive = DicomWebArchive(uri, pauses_s=(0.0,))
    assert [one.path for one in archive.list()] == [pacs.path]
    queries = {r.kind: r.query for r in pacs.requests if "offset" not in r.query}
    assert queries["studies"] == {
        "ModalitiesInStudy": "CT",
        "StudyDate": "20260101-",
        "fuzzymatching": "true",
        "limit": "500",
    }
    assert queries["of_study"] == {
        "Modality": "CT",
        "KVP": "120",
        "fuzzymatching": "true",
        "limit": "500",
    }


def test_a_series_without_its_study_is_looked_for_in_the_studies(pacs: OddPacs) -> None:
    row = pacs.series_row()
    del row["0020000D"]
    pacs.answers |= {
        "series": lambda handler, _: send_json(handler, [row]),
        "of_study": lambda handler, r: send_json(handler, [] if "offset" in r.query else [row]),
    }
    assert [one.path for one in DicomWebArchive(pacs.uri).list()] == [pacs.path]


def test_cts_of_studies_of_another_modality_are_found_by_their_studies(pacs: OddPacs) -> None:
    assert len(list(DicomWebArchive(f"{pacs.uri}?ModalitiesInStudy=PT").list())) == 1
    assert "series" not in pacs.kinds()
    assert pacs.requests[0].query["ModalitiesInStudy"] == "PT"
    assert pacs.requests[2].query["Modality"] == "CT"


def test_a_count_that_is_missing_is_counted(pacs: OddPacs, archive: DicomWebArchive) -> None:
    said = list(archive.list())
    row = pacs.series_row(n_images=None)
    pacs.answers["series"] = lambda handler, r: send_json(
        handler, [] if "offset" in r.query else [row]
    )
    assert list(archive.list()) == said
    assert "instances" in pacs.kinds()


def test_what_was_not_asked_for_is_left_out_and_counted(
    pacs: OddPacs, archive: DicomWebArchive, caplog: pytest.LogCaptureFixture
) -> None:
    other, bad = pacs.series_row(1), pacs.series_row(2)
    other["00080060"]["Value"] = ["MR"]
    bad["0020000E"]["Value"] = ["../1.2.826.0.1"]
    rows = [pacs.series_row(), other, bad]
    pacs.answers["series"] = lambda handler, r: send_json(
        handler, rows[int(r.query.get("offset", 0)) :]
    )
    assert [one.path for one in archive.list()] == [pacs.path]
    assert "1 series of another modality" in caplog.text
    assert "1 series without a UID" in caplog.text
    assert UID_ROOT not in caplog.text


@pytest.mark.parametrize(
    ("dates", "is_listed"),
    [("", False), ("20260101-", False), ("20260101-{today}", True), ("{today}", True)],
)
def test_a_study_of_today_waits_unless_the_address_ends_with_today(
    pacs: OddPacs, caplog: pytest.LogCaptureFixture, dates: str, is_listed: bool
) -> None:
    row, today = pacs.series_row(), f"{date.today():%Y%m%d}"
    row["00080020"] = {"vr": "DA", "Value": [today]}
    pacs.answers["series"] = lambda handler, r: send_json(
        handler, [] if "offset" in r.query else [row]
    )
    query = f"?StudyDate={dates.format(today=today)}" if dates else ""
    archive = DicomWebArchive(pacs.uri + query)
    assert len(list(archive.list())) == is_listed
    assert ("1 series of studies of today" in caplog.text) != is_listed


def test_a_listing_that_breaks_off_in_its_middle_is_no_listing(
    pacs: OddPacs, archive: DicomWebArchive
) -> None:
    pacs.answers["series"] = lambda handler, request: (
        error(400)(handler, request)
        if "offset" in request.query
        else send_json(handler, [pacs.series_row()])
    )
    with pytest.raises(SetupError, match="cannot be listed: it answers with error 400"):
        list(archive.list())


def test_the_first_time_all_is_listed_and_later_what_is_not_older_than_30_days(
    pacs: OddPacs,
) -> None:
    archive = DicomWebArchive(f"{pacs.uri}?StudyDate=20250101-20271231")
    first = archive.changes(None)
    assert [one.path for one in first.objects] == [pacs.path]
    assert not first.whole
    assert first.token is not None
    token = f"20260310 {first.token.partition(' ')[2]}"
    assert [one.path for one in archive.changes(token).objects] == [pacs.path]
    asked = [r.query["StudyDate"] for r in pacs.requests if "offset" not in r.query]
    assert asked == ["20250101-20271231", "20260208-20271231"]


@pytest.mark.parametrize(
    ("dates", "asked"),
    [
        ("", "20260208-"),
        ("20260301-", "20260301-"),
        ("-20260215", "20260208-20260215"),
        ("20260208", "20260208-20260208"),
        ("20260207", None),
        ("-20260207", None),
    ],
)
def test_the_dates_of_the_address_still_hold(pacs: OddPacs, dates: str, asked: str | None) -> None:
    archive = DicomWebArchive(f"{pacs.uri}?StudyDate={dates}" if dates else pacs.uri)
    token = (archive.changes(None).token or "").partition(" ")[2]
    list(archive.changes(f"20260310 {token}").objects)
    assert (pacs.requests[0].query["StudyDate"] if pacs.requests else None) == asked


def test_the_token_of_another_address_is_not_taken(pacs: OddPacs) -> None:
    token = DicomWebArchive(f"{pacs.uri}?StudyDescription=Chest").changes(None).token
    list(DicomWebArchive(pacs.uri).changes(token).objects)
    assert "StudyDate" not in pacs.requests[0].query
