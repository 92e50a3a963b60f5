"""Which method and which code made a row."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING

from jobs.shared.code import source_digest
from segment_actor.execution import Execution
from segment_actor.models.folder import folder_digest
from segment_actor.models.set import ModelSet, model_set_digest
from segment_actor.reading.series import READING_VERSION
from stats.measure import MEASUREMENT_VERSION

if TYPE_CHECKING:
    from jobs.segment_run.config import SegmentConfig

VERSION_HEX = 16

LOCATIONS = ("archive", "dicom_out", "index", "tables", "labels", "demographics", "address")
"""Settings that are not written into `runs`: paths and hosts of the site."""

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


def provenance_of(
    config: SegmentConfig, models: ModelSet, execution: Execution
) -> dict[str, object]:
    """What table `runs` says of how a run was made, without paths and hosts of the site."""
    digests = {group.name: folder_digest(group.folder) for group in models.groups}
    settings = {k: v for k, v in asdict(config).items() if k not in LOCATIONS}
    # what the model set says of itself, for readers who do not have it
    settings |= {
        "model_set": models.name,  # not the path of its file
        "precision": execution.precision,
        "warning": models.warning,
    }
    return {
        "model_digests": json.dumps(digests),
        "code_version": code_version(),
        "package_versions": json.dumps(library_versions()),
        "settings_json": json.dumps(settings),
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not-installed"
