"""A PACS that misbehaves, over real sockets: no half series, no hang, no UID said."""

from __future__ import annotations

import io
import json
import logging
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pydicom
import pytest

from cluster.stores import dicomweb
from cluster.stores.dicomweb import DicomWebArchive
from cluster.stores.opening import open_store
from cluster.stores.pacs.connection import CONNECTIONS
from segment_actor.errors import FailureCode, SeriesError, SetupError
from tests.support.ct_files import dicom, dicom_slices, made_hu
from tests.support.odd_pacs import (
    CONTENT_TYPE,
    OddPacs,
    Request,
    header_json,
    multipart,
    running_odd_pacs,
    send,
    send_json,
    send_parts,
)
from tests.support.tls import behind_tls

Handler = BaseHTTPRequestHandler

UID_ROOT = "1.2.826.0.1"
"""Begins every UID of the test's series."""


@pytest.fixture
def pacs() -> Iterator[OddPacs]:
    with running_odd_pacs() as running:
        yield running


@pytest.fixture
def archive(pacs: OddPacs) -> DicomWebArchive:
    return DicomWebArchive(pacs.uri, pauses_s=(0.0, 0.0))


@pytest.fixture
def impatient(pacs: OddPacs) -> DicomWebArchive:
    """For servers that hang; right answers of a busy machine come within this time."""
    return DicomWebArchive(pacs.uri, timeout_s=(5.0, 1.5), pauses_s=(0.0, 0.0))


def error(status: int) -> Callable[[Handler, Request], None]:
    return lambda handler, _: send(handler, b"sorry, 1.2.826.0.1", "text/plain", status)


def half(handler: Handler, _: Request) -> None:
    send_parts(handler, _files()[:2])


def foreign(handler: Handler, _: Request) -> None:
    slices = dicom_slices(made_hu((8, 8, 4)))
    slices[2].SeriesInstanceUID = "1.2.826.0.1.9"
    send_parts(handler, map(dicom, slices))


def unlisted(handler: Handler, _: Request) -> None:
    slices = dicom_slices(made_hu((8, 8, 5)))
    send_parts(handler, map(dicom, slices))


def twice(handler: Handler, _: Request) -> None:
    send_parts(handler, [*_files(), _files()[1]])


def twice_instead_of_another(handler: Handler, _: Request) -> None:
    send_parts(handler, [*_files()[:3], _files()[0]])


def no_end(handler: Handler, _: Request) -> None:
    send(handler, multipart(_files(), ended=False), CONTENT_TYPE)


def cut_off(handler: Handler, _: Request) -> None:
    """More is announced than comes."""
    body = multipart(_files())
    handler.send_response(200)
    handler.send_header("Content-Type", CONTENT_TYPE)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])


def hangs(handler: Handler, _: Request) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", CONTENT_TYPE)
    handler.end_headers()
    handler.wfile.write(multipart(_files())[:3000])
    threading.Event().wait(20)


def never_begins(_: Handler, __: Request) -> None:
    threading.Event().wait(20)


def hangs_up(handler: Handler, _: Request) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def nothing(handler: Handler, _: Request) -> None:
    send(handler, b"", CONTENT_TYPE)


def nothing_at_all(handler: Handler, _: Request) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def no_content(handler: Handler, _: Request) -> None:
    handler.send_response(204)
    handler.end_headers()


def web_page(handler: Handler, _: Request) -> None:
    send(handler, b"<html>Please log in, 1.2.826.0.1</html>", "text/html")


def web_page_in_parts(handler: Handler, _: Request) -> None:
    send_parts(handler, [b"<html>1.2.826.0.1</html>"])


def to_itself(handler: Handler, _: Request) -> None:
    send(handler, b"", "text/plain", 302, {"Location": handler.path})


def no_parts(handler: Handler, _: Request) -> None:
    send(handler, b"1.2.826.0.1" * 20_000, CONTENT_TYPE)


def _files() -> list[bytes]:
    return [dicom(one) for one in dicom_slices(made_hu((8, 8, 4)))]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (half, "2 of 4 images"),
        (foreign, "another series"),
        (unlisted, "does not list"),
        (twice, "twice"),
        (twice_instead_of_another, "twice"),
        (no_end, "broke off"),
        (cut_off, "broke off"),
        (hangs, "broke off"),
        (never_begins, "nothing came within"),
        (hangs_up, "broke off"),
        (nothing, "0 of 4 images"),
        (nothing_at_all, "something else than images"),
        (no_content, "something else than images"),
        (web_page, "something else than images"),
        (web_page_in_parts, "no DICOM file"),
        (to_itself, "TooManyRedirects"),
        (no_parts, "header does not end"),
        (error(500), "error 500"),
        (error(400), "error 400"),
    ],
)
def test_what_is_not_the_whole_series_is_the_failure_of_the_series(
    pacs: OddPacs,
    impatient: DicomWebArchive,
    answer: Callable[[Handler, Request], None],
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pacs.answers["wado"] = answer
    with caplog.at_level(logging.INFO), pytest.raises(SeriesError, match=said) as caught:
        impatient.get(pacs.path)
    assert caught.value.code is FailureCode.INCOMPLETE_ANSWER
    assert UID_ROOT not in str(caught.value) + caplog.text
    assert caught.value.__cause__ is None  # whose text could have the address


def test_an_answer_without_end_is_not_held(
    pacs: OddPacs, archive: DicomWebArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dicomweb, "MAX_SERIES_BYTES", 1000)
    with pytest.raises(SeriesError) as caught:
        archive.get(pacs.path)
    assert caught.value.code is FailureCode.TOO_LARGE


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, FailureCode.VANISHED), (410, FailureCode.VANISHED), (403, FailureCode.UNREADABLE_FILE)],
)
@pytest.mark.parametrize("kind", ["wado", "instances"])
def test_a_series_that_is_gone_or_locked_is_its_own_failure(
    pacs: OddPacs, archive: DicomWebArchive, kind: str, status: int, code: FailureCode
) -> None:
    pacs.answers[kind] = error(status)
    with pytest.raises(SeriesError) as caught:
        archive.get(pacs.path)
    assert caught.value.code is code
    assert UID_ROOT not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_end_the_run_and_name_the_variables(
    pacs: OddPacs, archive: DicomWebArchive, status: int
) -> None:
    pacs.answers |= {"wado": error(status), "check": error(status), "series": error(status)}
    for use in (archive.check, lambda: list(archive.list()), lambda: archive.get(pacs.path)):
        with pytest.raises(SetupError, match="CTCOHORT_DICOMWEB_PASSWORD") as caught:
            use()
        assert UID_ROOT not in str(caught.value)


@pytest.mark.parametrize("first", [error(500), error(503), cut_off, hangs_up, hangs, no_end])
def test_what_passes_is_tried_again(
    pacs: OddPacs, impatient: DicomWebArchive, first: Callable[[Handler, Request], None]
) -> None:
    pacs.answers["wado"] = [first]
    assert _content(impatient.get(pacs.path)) == sorted(pacs.files)
    assert pacs.kinds() == ["instances", "instances", "wado", "wado"]


def test_a_pacs_that_is_gone_ends_the_run(pacs: OddPacs, archive: DicomWebArchive) -> None:
    pacs.answers |= {"wado": hangs_up, "check": hangs_up}
    with pytest.raises(SetupError, match="does not answer") as caught:
        archive.get(pacs.path)
    assert UID_ROOT not in str(caught.value)


def test_a_web_page_where_dicomweb_was_named_is_refused_at_once(
    pacs: OddPacs, archive: DicomWebArchive
) -> None:
    pacs.answers["check"] = web_page
    with pytest.raises(SetupError, match="not in DICOM JSON; check that the path"):
        archive.check()


def test_the_stored_form_is_asked_for(pacs: OddPacs, archive: DicomWebArchive) -> None:
    archive.get(pacs.path)
    assert pacs.requests[-1].accept == (
        'multipart/related; type="application/dicom"; transfer-syntax=*'
    )


class TestHeaders:
    def test_they_are_those_of_the_stored_images(
        self, pacs: OddPacs, archive: DicomWebArchive
    ) -> None:
        with archive.open(pacs.path) as stream, zipfile.ZipFile(stream) as zipped:
            headers = [pydicom.dcmread(zipped.open(name)) for name in zipped.namelist()]
        for header, slice_ in zip(headers, pacs.slices, strict=True):
            without_pixels = pydicom.Dataset(slice_)
            del without_pixels.PixelData
            without_pixels.SpecificCharacterSet = "ISO_IR 192"
            assert header == without_pixels

    def test_their_names_are_those_of_the_files(
        self, pacs: OddPacs, archive: DicomWebArchive
    ) -> None:
        whole = zipfile.ZipFile(io.BytesIO(archive.get(pacs.path)))
        assert zipfile.ZipFile(archive.open(pacs.path)).namelist() == whole.namelist()

    def test_start_is_the_start_of_what_open_gives_and_asks_once_for_both(
        self, pacs: OddPacs, archive: DicomWebArchive
    ) -> None:
        start = archive.start(pacs.path, 4)
        assert archive.open(pacs.path).read(4) == start == b"PK\3\4"
        assert pacs.kinds().count("metadata") == 1

    def test_a_listing_lets_them_be_asked_for_anew(
        self, pacs: OddPacs, archive: DicomWebArchive
    ) -> None:
        archive.start(pacs.path, 4)
        list(archive.list())
        archive.open(pacs.path)
        assert pacs.kinds().count("metadata") == 2

    def test_one_malformed_value_is_left_out_alone(
        self, pacs: OddPacs, archive: DicomWebArchive
    ) -> None:
        rows = [header_json(one) for one in pacs.slices]
        rows[0]["00280010"] = {"vr": "US", "Value": ["Secret^Name"]}
        rows[0]["00100010"] = {"vr": "PN", "Value": [["Secret^Name"]]}
        pacs.answers["metadata"] = lambda handler, _: send_json(handler, rows)
        with zipfile.ZipFile(archive.open(pacs.path)) as zipped:
            header = pydicom.dcmread(zipped.open(zipped.namelist()[0]))
        assert "Rows" not in header
        assert "PatientName" not in header
        assert header.Columns == pacs.slices[0].Columns

    @pytest.mark.parametrize(
        "body", [b"", b"[", b'[{"1.2.826.0.1"', b'"1.2.826.0.1"', b"[1]", b"\xff", b"[" * 99_999]
    )
    def test_malformed_json_is_the_failure_of_the_series(
        self, pacs: OddPacs, archive: DicomWebArchive, body: bytes
    ) -> None:
        pacs.answers["metadata"] = lambda handler, _: send(handler, body)
        with pytest.raises(SeriesError) as caught:
            archive.open(pacs.path)
        assert caught.value.code is FailureCode.INCOMPLETE_ANSWER
        assert UID_ROOT not in str(caught.value)

    @pytest.mark.parametrize("n_headers", [0, 3])
    def test_of_half_the_images_they_are_no_index(
        self, pacs: OddPacs, archive: DicomWebArchive, n_headers: int
    ) -> None:
        rows = [header_json(one) for one in pacs.slices[:n_headers]]
        pacs.answers["metadata"] = lambda handler, _: send_json(handler, rows)
        with pytest.raises(SeriesError, match=f"{n_headers} of 4 images"):
            archive.open(pacs.path)


class TestListing:
    @staticmethod
    def listed(archive: DicomWebArchive) -> list[str]:
        return [one.path.rpartition("/")[2] for one in archive.list()]

    @pytest.mark.parametrize(
        ("cap", "pages"),
        [(500, True), (2, True), (3, True), (9, False)],
        ids=["all fit", "smaller pages", "smaller odd pages", "offset and limit ignored"],
    )
    def test_each_series_is_there_once_whatever_a_server_makes_of_paging(
        self, pacs: OddPacs, cap: int, pages: bool
    ) -> None:
        rows = [pacs.series_row(number) for number in range(7)]

        def answer(handler: Handler, request: Request) -> None:
            first = int(request.query.get("offset", 0)) if pages else 0
            send_json(handler, rows[first : first + cap])

        pacs.answers["series"] = answer
        archive = DicomWebArchive(f"{pacs.uri}?limit=5")
        assert self.listed(archive) == [f"1.2.{number}" for number in range(7)]

    def test_a_server_that_hides_what_is_behind_its_first_page_is_refused(
        self, pacs: OddPacs
    ) -> None:
        rows = [pacs.series_row(number) for number in range(7)]
        pacs.answers["series"] = lambda handler, request: send_json(
            handler, rows[: int(request.query["limit"])]
        )
        with pytest.raises(SetupError, match="Narrow the address by StudyDate"):
            list(DicomWebArchive(f"{pacs.uri}?limit=5").list())

    def test_a_server_that_has_more_and_says_so_is_refused(self, pacs: OddPacs) -> None:
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
        self, pacs: OddPacs, answer: Callable[[Handler, Request], None]
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

    def test_a_series_without_its_study_is_looked_for_in_the_studies(self, pacs: OddPacs) -> None:
        row = pacs.series_row()
        del row["0020000D"]
        pacs.answers |= {
            "series": lambda handler, _: send_json(handler, [row]),
            "of_study": lambda handler, r: send_json(handler, [] if "offset" in r.query else [row]),
        }
        assert [one.path for one in DicomWebArchive(pacs.uri).list()] == [pacs.path]

    def test_cts_of_studies_of_another_modality_are_found_by_their_studies(
        self, pacs: OddPacs
    ) -> None:
        assert len(list(DicomWebArchive(f"{pacs.uri}?ModalitiesInStudy=PT").list())) == 1
        assert "series" not in pacs.kinds()
        assert pacs.requests[0].query["ModalitiesInStudy"] == "PT"
        assert pacs.requests[2].query["Modality"] == "CT"

    def test_a_count_that_is_missing_is_counted(
        self, pacs: OddPacs, archive: DicomWebArchive
    ) -> None:
        said = list(archive.list())
        row = pacs.series_row(n_images=None)
        pacs.answers["series"] = lambda handler, r: send_json(
            handler, [] if "offset" in r.query else [row]
        )
        assert list(archive.list()) == said
        assert "instances" in pacs.kinds()

    def test_what_was_not_asked_for_is_left_out_and_counted(
        self, pacs: OddPacs, archive: DicomWebArchive, caplog: pytest.LogCaptureFixture
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

    def test_a_listing_that_breaks_off_in_its_middle_is_no_listing(
        self, pacs: OddPacs, archive: DicomWebArchive
    ) -> None:
        pacs.answers["series"] = lambda handler, request: (
            error(400)(handler, request)
            if "offset" in request.query
            else send_json(handler, [pacs.series_row()])
        )
        with pytest.raises(SetupError, match="cannot be listed: it answers with error 400"):
            list(archive.list())


class TestCredentials:
    def test_nothing_is_sent_without_them_though_netrc_has_some(
        self,
        pacs: OddPacs,
        archive: DicomWebArchive,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password else\n")
        monkeypatch.setenv("NETRC", str(netrc))
        archive.check()
        assert pacs.requests[0].authorization == ""

    def test_a_token_is_read_anew_from_its_file(
        self,
        pacs: OddPacs,
        archive: DicomWebArchive,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        file = tmp_path / "token"
        monkeypatch.setenv("CTCOHORT_DICOMWEB_TOKEN_FILE", str(file))
        for token in ("one", "two"):
            file.write_text(f"{token}\n")
            archive.check()
        assert [r.authorization for r in pacs.requests] == ["Bearer one", "Bearer two"]

    def test_another_host_gets_the_request_without_them(
        self, pacs: OddPacs, archive: DicomWebArchive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CTCOHORT_DICOMWEB_USER", "somebody")
        monkeypatch.setenv("CTCOHORT_DICOMWEB_PASSWORD", "password")
        with running_odd_pacs() as other:
            elsewhere = other.url.replace("127.0.0.1", "localhost")
            pacs.answers["wado"] = lambda handler, _: send(
                handler, b"", "text/plain", 307, {"Location": f"{elsewhere}{handler.path}"}
            )
            archive.get(pacs.path)
        assert pacs.requests[-1].authorization == "Basic c29tZWJvZHk6cGFzc3dvcmQ="
        assert [(r.kind, r.authorization) for r in other.requests] == [("wado", "")]

    @pytest.mark.parametrize(
        "environment",
        [
            {"CTCOHORT_DICOMWEB_USER": "somebody"},
            {"CTCOHORT_DICOMWEB_TOKEN_FILE": "/nowhere/token"},
            {"CTCOHORT_DICOMWEB_USER": "u", "CTCOHORT_DICOMWEB_PASSWORD_FILE": "/nowhere/token"},
        ],
    )
    def test_half_of_them_is_said(
        self,
        archive: DicomWebArchive,
        environment: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SetupError, match=r"CTCOHORT_DICOMWEB_\w+_FILE"):
            archive.check()


def test_many_threads_get_their_own_answers_by_four_requests_at_a_time(
    pacs: OddPacs, archive: DicomWebArchive
) -> None:
    under_way, most = 0, 0
    lock, all_come = threading.Lock(), threading.Barrier(CONNECTIONS)

    def answer(handler: Handler, _: Request) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        all_come.wait(60)
        with lock:
            under_way -= 1
        send_parts(handler, _files())

    pacs.answers["wado"] = answer
    with ThreadPoolExecutor(4 * CONNECTIONS) as threads:
        got = list(threads.map(archive.get, [pacs.path] * 4 * CONNECTIONS))
    assert [_content(one) for one in got] == [sorted(pacs.files)] * 4 * CONNECTIONS
    assert most == CONNECTIONS


class TestTls:
    def test_an_unknown_authority_is_said_and_can_be_made_known(
        self, pacs: OddPacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with behind_tls(pacs.url, tmp_path) as (url, authority):
            with pytest.raises(SetupError, match="not trusted, set REQUESTS_CA_BUNDLE"):
                open_store(f"dicomweb+{url}/rs")
            for variable in ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"):
                monkeypatch.setenv(variable, str(authority))
                archive = open_store(f"dicomweb+{url}/rs")
                assert _content(archive.get(pacs.path)) == sorted(pacs.files)
                monkeypatch.delenv(variable)

    def test_nobody_is_followed_out_of_it(
        self, pacs: OddPacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pacs.answers["wado"] = lambda handler, _: send(
            handler, b"", "text/plain", 302, {"Location": f"{pacs.url}{handler.path}"}
        )
        with behind_tls(pacs.url, tmp_path) as (url, authority):
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
            archive = DicomWebArchive(f"dicomweb+{url}/rs")
            with pytest.raises(SeriesError, match="InvalidSchema"):
                archive.get(pacs.path)
        assert pacs.kinds().count("wado") == 1


class TestChanges:
    def test_the_first_time_all_is_listed_and_later_what_is_not_older_than_30_days(
        self, pacs: OddPacs
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
    def test_the_dates_of_the_address_still_hold(
        self, pacs: OddPacs, dates: str, asked: str | None
    ) -> None:
        archive = DicomWebArchive(f"{pacs.uri}?StudyDate={dates}" if dates else pacs.uri)
        token = (archive.changes(None).token or "").partition(" ")[2]
        list(archive.changes(f"20260310 {token}").objects)
        assert (pacs.requests[0].query["StudyDate"] if pacs.requests else None) == asked

    def test_the_token_of_another_address_is_not_taken(self, pacs: OddPacs) -> None:
        token = DicomWebArchive(f"{pacs.uri}?StudyDescription=Chest").changes(None).token
        list(DicomWebArchive(pacs.uri).changes(token).objects)
        assert "StudyDate" not in pacs.requests[0].query


def _content(zipped: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(zipped)) as opened:
        return sorted(opened.read(name) for name in opened.namelist())
