"""Which method and which code made a row."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata

from jobs.shared.code import source_digest
from segment_actor.execution import Execution
from segment_actor.models.set import ModelSet, model_set_digest
from segment_actor.reading.series import READING_VERSION
from stats.measure import MEASUREMENT_VERSION

VERSION_HEX = 16

LIBRARIES = ("deltalake", "nibabel", "numpy", "pyarrow", "pydicom", "ray", "scipy", "torch")
"""Those that can change a number in a table, or lose one."""


def pipeline_version(models: ModelSet, execution: Execution) -> str:
    """Fingerprint of everything that can change a number: series are done once for each value."""
    method = [model_set_digest(models, execution), MEASUREMENT_VERSION, READING_VERSION]
    return hashlib.sha256(json.dumps(method).encode()).hexdigest()[:VERSION_HEX]


def code_version() -> str:
    """Version of ctcohort and fingerprint of its source."""
    return f"{_version('ctcohort')}+source.{source_digest()}"


def library_versions() -> dict[str, str]:
    """Installed versions of the libraries that matter."""
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not-installed"
