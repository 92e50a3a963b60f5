"""What the tests of a PACS share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.stores.dicomweb import DicomWebArchive
from tests.support.odd_pacs import OddPacs, running_odd_pacs
from tests.support.orthanc import Orthanc, running_orthanc

_VARIABLES = (
    *(f"CTCOHORT_DICOMWEB_{name}" for name in ("USER", "PASSWORD", "TOKEN")),
    *(f"CTCOHORT_DICOMWEB_{name}_FILE" for name in ("PASSWORD", "TOKEN")),
    "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE",
)


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def orthanc(server: Orthanc, monkeypatch: pytest.MonkeyPatch) -> Orthanc:
    """The server, and the environment that has its password."""
    server.use(monkeypatch)
    return server


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
