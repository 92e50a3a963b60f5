"""A real CT with official labels, for tests that compare us with others on more than phantoms.

The files are those that TotalSegmentator (Apache-2.0) ships in its source distribution under
`tests/reference_files`. They are fetched once with pip into a cache folder and never committed.

    example_ct.nii.gz       122x101x112 voxels of 3.0 mm, RAS, int32: abdomen and pelvis
    example_ct_sm.nii.gz    its upper third, with example_seg_fast/statistics.json beside it
    example_ct_dicom/       20 slices of 512x512, JPEG 2000, all UIDs of the data set blank
"""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest

SDIST = "totalsegmentator-2.18.0"
SHA256 = "5d4223ef93973bc36d710869d11e7742ead2c154c72f7f9edcaaadd5b6c4bd03"
CACHE = Path.home() / ".cache" / "ctcohort-tests"


def real_ct_folder() -> Path:
    """The folder with the reference files; skips the calling test where it cannot be had."""
    why_not = _fetch_once()
    if why_not:
        pytest.skip(why_not)
    return CACHE / SDIST


@functools.cache
def _fetch_once() -> str:
    """Fills the cache folder. Returns "" or the reason why it stays empty."""
    if (CACHE / SDIST).is_dir():
        return ""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        try:
            subprocess.run(_pip_download(scratch), check=True, capture_output=True, timeout=100)
        except (subprocess.SubprocessError, OSError) as error:
            return f"the real CT cannot be fetched with pip ({type(error).__name__})"
        sdist = Path(scratch, f"{SDIST}.tar.gz").read_bytes()
        if hashlib.sha256(sdist).hexdigest() != SHA256:
            raise RuntimeError(f"{SDIST}.tar.gz is not the file that the tests were written with")
        _unpack(Path(scratch))
    return ""


def _pip_download(folder: str) -> list[str]:
    once = ["--retries", "0", "--timeout", "20", "--disable-pip-version-check", "--no-cache-dir"]
    wanted = ["--no-deps", "--no-binary", "TotalSegmentator", "TotalSegmentator==2.18.0"]
    return [sys.executable, "-m", "pip", "download", *once, *wanted, "-d", folder]


def _unpack(scratch: Path) -> None:
    with tarfile.open(scratch / f"{SDIST}.tar.gz") as tar:
        inside = f"{SDIST}/tests/reference_files/"
        members = [m for m in tar.getmembers() if m.name.startswith(inside)]
        # The archive's SHA-256 is known. Python 3.11.2, Debian 12's, has no extraction filter yet.
        tar.extractall(scratch, members)  # noqa: S202
    # A rename appears whole or not at all, so a test run beside this one sees no half folder.
    if not (CACHE / SDIST).exists():
        (scratch / inside).rename(CACHE / SDIST)
