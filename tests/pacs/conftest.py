"""What the tests of a PACS share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
