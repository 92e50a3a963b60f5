"""Who we are to a PACS, and who may know it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.stores.dicomweb import DicomWebArchive
from cluster.stores.opening import open_store
from segment_actor.errors import SeriesError, SetupError
from tests.support.odd_pacs import (
    OddPacs,
    content_of,
    running_odd_pacs,
    send,
)
from tests.support.tls import behind_tls


def test_without_credentials_nothing_is_sent_though_netrc_has_some(
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


def test_another_host_gets_the_request_without_credentials(
    pacs: OddPacs, archive: DicomWebArchive, monkeypatch: pytest.MonkeyPatch
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
def test_half_of_the_credentials_is_said(
    archive: DicomWebArchive,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupError, match=r"CTCOHORT_DICOMWEB_\w+_FILE"):
        archive.check()


def test_an_unknown_authority_is_said_and_can_be_made_known(
    pacs: OddPacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with behind_tls(pacs.url, tmp_path) as (url, authority):
        with pytest.raises(SetupError, match="not trusted, set REQUESTS_CA_BUNDLE"):
            open_store(f"dicomweb+{url}/rs")
        for variable in ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"):
            monkeypatch.setenv(variable, str(authority))
            archive = open_store(f"dicomweb+{url}/rs")
            assert content_of(archive.get(pacs.path)) == sorted(pacs.files)
            monkeypatch.delenv(variable)


def test_nobody_is_followed_out_of_tls(
    pacs: OddPacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
