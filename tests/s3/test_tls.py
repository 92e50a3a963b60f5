"""A store whose certificate is signed by the hospital's own authority."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.stores.opening import open_store
from segment_actor.errors import SetupError
from stats.query import connect
from stats.tables.commit import Batch, CohortTables, Stamp
from tests.support.seaweed import Seaweed, running_seaweed
from tests.support.tls import behind_tls

pytestmark = pytest.mark.s3


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Seaweed, str, Path]]:
    with (
        running_seaweed(tmp_path_factory.mktemp("seaweed")) as server,
        behind_tls(server.endpoint, tmp_path_factory.mktemp("tls")) as (endpoint, authority),
    ):
        yield server, endpoint, authority


def test_one_variable_makes_all_clients_trust_the_hospitals_authority(
    store: tuple[Seaweed, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, endpoint, authority = store
    monkeypatch.setenv("SSL_CERT_FILE", "")  # so that it is as before when the test is over
    monkeypatch.delenv("SSL_CERT_FILE")
    server.use(monkeypatch, AWS_ENDPOINT_URL=endpoint, AWS_CA_BUNDLE=str(authority))
    open_store("s3://cts")
    scans = [{"series_key": "a"}]
    CohortTables("s3://tables/t").commit(Batch(scans=scans), Stamp("r", "2026-01-31", "v"))
    with connect("s3://tables/t") as database:
        assert database.sql("SELECT series_key FROM scans").fetchall() == [("a",)]


def test_a_certificate_of_nobody_we_trust_is_said_and_what_to_set(
    store: tuple[Seaweed, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, endpoint, _ = store
    server.use(monkeypatch, AWS_ENDPOINT_URL=endpoint)
    for use in (lambda: open_store("s3://cts"), lambda: CohortTables("s3://tables/u")):
        with pytest.raises(SetupError, match=r"certificate is not trusted.* set AWS_CA_BUNDLE"):
            use()
