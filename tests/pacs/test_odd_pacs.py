"""A PACS that misbehaves, over real sockets: no half series, no hang, no UID said."""

from __future__ import annotations

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest

from cluster.stores import dicomweb
from cluster.stores.dicomweb import DicomWebArchive
from cluster.stores.pacs.connection import CONNECTIONS
from segment_actor.errors import FailureCode, SeriesError, SetupError
from tests.support.ct_files import dicom, dicom_slices, made_hu
from tests.support.odd_pacs import (
    CONTENT_TYPE,
    UID_ROOT,
    Answer,
    OddPacs,
    Request,
    content_of,
    error,
    multipart,
    send,
    send_parts,
    web_page,
)

Handler = BaseHTTPRequestHandler


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
    answer: Answer,
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
    pacs: OddPacs, impatient: DicomWebArchive, first: Answer
) -> None:
    pacs.answers["wado"] = [first]
    assert content_of(impatient.get(pacs.path)) == sorted(pacs.files)
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
    assert [content_of(one) for one in got] == [sorted(pacs.files)] * 4 * CONNECTIONS
    assert most == CONNECTIONS
