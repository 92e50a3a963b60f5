"""A real PACS for tests: Orthanc with DICOMweb, for this machine alone, gone when the test is over.

Orthanc and its plugin come from the packages `orthanc` and `orthanc-dicomweb` of Debian. Orthanc
has no option for the address it binds to, so it refuses others itself (RemoteAccessAllowed), asks
for a password that is made for this server, and has no DICOM port. Its plugin GDCM is left out:
with it the server crashes while it transcodes.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
import requests

from tests.support.servers import end

_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_USER = "tester"
_READY_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Orthanc:
    """A running PACS.

    Attributes:
        url: http://127.0.0.1:PORT
        user, password: that it wants.
        pid: of the server process.
    """

    url: str
    user: str
    password: str
    pid: int

    @property
    def uri(self) -> str:
        """As an archive of ours."""
        return f"dicomweb+{self.url}/dicom-web"

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Puts the credentials into this process's environment for one test."""
        monkeypatch.setenv("CTCOHORT_DICOMWEB_USER", self.user)
        monkeypatch.setenv("CTCOHORT_DICOMWEB_PASSWORD", self.password)

    def put(self, files: Iterable[bytes]) -> None:
        """Stores DICOM files by Orthanc's own interface, which no code of ours speaks."""
        for file in files:
            self._ask("POST", "instances", data=file)

    def remove(self, series_uid: str) -> None:
        """Deletes a series."""
        query = json.dumps({"Level": "Series", "Query": {"SeriesInstanceUID": series_uid}})
        for found in self._ask("POST", "tools/find", data=query).json():
            self._ask("DELETE", f"series/{found}")

    def stored(self, series_uid: str) -> list[pydicom.Dataset]:
        """The images of a series, as they lie there."""
        query = json.dumps({"Level": "Instance", "Query": {"SeriesInstanceUID": series_uid}})
        found = self._ask("POST", "tools/find", data=query).json()
        files = (self._ask("GET", f"instances/{one}/file").content for one in found)
        return [pydicom.dcmread(io.BytesIO(file)) for file in files]

    def count(self) -> int:
        """Instances that it holds."""
        return int(self._ask("GET", "statistics").json()["CountInstances"])

    def _ask(self, method: str, path: str, data: bytes | str | None = None) -> requests.Response:
        answer = requests.request(
            method,
            f"{self.url}/{path}",
            data=data,
            auth=(self.user, self.password),
            timeout=60,
        )
        answer.raise_for_status()
        return answer


@contextmanager
def running_orthanc(folder: Path, password: str | None = None) -> Iterator[Orthanc]:
    """Starts a PACS, yields once it answers, ends it by its process id.

    Args:
        folder: for the server's data, log and settings; one that was used goes on with its data.
        password: that it wants; None makes one.

    Skips the test, with the reason, where Orthanc is not installed.
    """
    program = shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or not _PLUGIN.is_file():
        pytest.skip("no PACS to test against: apt-get install orthanc orthanc-dicomweb")
    password = password or secrets.token_hex(16)
    server, url = _start(program, folder, password)
    try:
        yield Orthanc(url, _USER, password, server.pid)
    finally:
        end(server)


def _start(program: str, folder: Path, password: str) -> tuple[subprocess.Popen[bytes], str]:
    """A server that answers; at another port if someone else took the first meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(3):
        port = _free_port()
        server = _launch(program, folder, port, password)
        url = f"http://127.0.0.1:{port}"
        if _answers(server, f"{url}/system", password):
            return server, url
        end(server)
    raise RuntimeError(f"Orthanc did not start; its log: {folder / 'orthanc.log'}")


def _launch(program: str, folder: Path, port: int, password: str) -> subprocess.Popen[bytes]:
    settings = folder / "orthanc.json"
    settings.touch(mode=0o600)
    settings.write_text(
        json.dumps(
            {
                "Name": "tests",
                "StorageDirectory": str(folder / "data"),
                "IndexDirectory": str(folder / "data"),
                "Plugins": [str(_PLUGIN)],
                "HttpPort": port,
                "RemoteAccessAllowed": False,
                "DicomServerEnabled": False,
                "AuthenticationEnabled": True,
                "RegisteredUsers": {_USER: password},
                "OverwriteInstances": True,
                "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            }
        )
    )
    with (folder / "orthanc.log").open("ab") as log:
        return subprocess.Popen([program, str(settings)], stdout=log, stderr=log, cwd=folder)


def _answers(server: subprocess.Popen[bytes], url: str, password: str) -> bool:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return requests.get(url, auth=(_USER, password), timeout=5).ok
        except requests.ConnectionError:
            time.sleep(0.1)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
