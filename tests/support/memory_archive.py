"""An archive in memory whose objects have the paths DICOMweb gives to instances.

It is all that a new kind of archive takes: one class that keeps `cluster.stores.contract.Archive`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pydicom

from cluster.stores.contract import Changes, StoredObject
from cluster.stores.faults import checked_stream, checking, listing, reading
from tests.support.tiny_cohort import Objects


@dataclass(frozen=True)
class MemoryArchive:
    """What a server that exists only here answers at one URI.

    Attributes:
        uri: of the archive.
        server: what lies at each URI.
    """

    uri: str
    server: dict[str, Objects]

    def check(self) -> None:
        """See Archive."""
        with checking(self.uri):
            self._objects()

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See Archive; the last object comes first, as no order is promised."""
        with listing(self.uri):
            found = [each for each in self._objects().items() if each[0].startswith(prefix)]
        for path, blob in reversed(found):
            yield StoredObject.stamped(path, len(blob), hashlib.sha256(blob).hexdigest())

    def changes(self, token: str | None) -> Changes:
        """See Archive."""
        del token
        return Changes(self.list(), token=None, whole=True)

    def get(self, path: str) -> bytes:
        """See Archive."""
        with reading(self):
            objects = self._objects()
            if path not in objects:
                raise FileNotFoundError
            return objects[path]

    def start(self, path: str, n_bytes: int) -> bytes:
        """See Archive."""
        return self.get(path)[:n_bytes]

    def open(self, path: str) -> BinaryIO:
        """See Archive; such a server has no parts to hand out, so the whole is fetched."""
        return checked_stream(io.BytesIO(self.get(path)), self)

    def _objects(self) -> Objects:
        if self.uri not in self.server:
            raise FileNotFoundError
        return self.server[self.uri]


def instances(files: Iterable[bytes]) -> Objects:
    """DICOM files under the paths that DICOMweb's WADO-RS has for them."""
    return {_instance_path(file): file for file in files}


def _instance_path(file: bytes) -> str:
    header = pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True)
    study, series = header.StudyInstanceUID, header.SeriesInstanceUID
    return f"studies/{study}/series/{series}/instances/{header.SOPInstanceUID}"
