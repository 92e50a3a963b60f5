"""What everybody does first, and wrong: each command answers with one sentence and exit code 2."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from jobs.__main__ import COMMANDS, main
from jobs.shared.command import COULD_NOT_RUN, SOME_FAILED
from tests.support.ct_files import made_hu, nifti
from tests.support.question_cohort import write_question_cohort

FILES = {"empty": b"", "text": b"no CT, no table\n", "binary": bytes(range(256))}
"""Put where a file is asked for."""

READS_FILE = {
    "segment --config IN": ".toml",
    "segment --archive FOLDER --tables OUT --demographics IN": ".csv",
    "segment --archive FOLDER --tables OUT --model-set IN": ".toml",
    "segment --index IN --tables OUT": "",
    "segment-one -i IN -o OUT": ".nii.gz",
    "segment-one -i IN -o OUT --ml": ".nii",
    "segment-one -i IN -o OUT -p": ".zip",
    "segment-one -i CT -o OUT --model-set IN": ".toml",
    "index --archive FOLDER --out OUT --demographics IN": ".csv",
    "query --tables TABLES --file mine=IN 'SELECT 1'": ".csv",
    "query --tables TABLES --file mine=IN 'SELECT 2'": ".parquet",
    "aging --tables TABLES --out OUT --demographics IN": ".csv",
    "report --tables TABLES --out OUT --demographics IN": ".csv",
    "measure --ct IN --labels IN --schema paper104": ".nii.gz",
    "evaluate --truth LABELS --predicted LABELS --out OUT --schema paper104 --structures IN": "",
    "parity --model-set IN --ct CT": ".toml",
    "parity --model-set embedded-fast --ct IN": ".nii.gz",
    "weights import IN": ".zip",
}
"""A command with the ending of the file IN."""

READS_FOLDER = (
    "index --archive IN --out OUT",
    "segment --archive IN --tables OUT",
    "query --tables IN 'SELECT 1'",
    "table compact --tables IN",
    "aging --tables IN --out OUT",
    "percentile --tables IN --scan x",
    "report --tables IN --out OUT",
    "evaluate --truth IN --predicted IN --out OUT --schema paper104",
    "weights import IN",
)
"""Commands that ask for a folder IN."""

WRITES = (
    "demo --out OUT",
    "index --archive FOLDER --out OUT",
    "segment --archive FOLDER --tables OUT",
    "segment-one -i CT -o OUT --model-set embedded-fast",
    "segment-one -i CT -o OUT.nii.gz --ml --model-set embedded-fast",
    "query --tables TABLES --out OUT 'SELECT 1'",
    "aging --tables TABLES --out OUT",
    "report --tables TABLES --out OUT",
    "percentile --tables TABLES --scan x --out OUT",
    "evaluate --truth LABELS --predicted LABELS --out OUT --schema paper104",
    "phantom --out OUT --count 1",
    "train --out OUT --quick",
    "bench --work OUT resample",
)
"""Commands that write OUT."""


def answer(command: str, places: Mapping[str, Path | str]) -> tuple[int, str]:
    """Exit code and stderr; what stands for a place is replaced by it."""
    words = [word.strip("'") for word in command.replace("SELECT ", "SELECT_").split()]
    for name, place in places.items():
        words = [word.replace(name, str(place)) for word in words]
    words = [word.replace("SELECT_", "SELECT ") for word in words]
    done = CliRunner(env={"CTCOHORT_SITE_SECRET": "0123456789abcdef"}).invoke(main, words)
    assert isinstance(done.exception, SystemExit | None), repr(done.exception)
    return done.exit_code, done.stderr


def test_every_command_is_among_them() -> None:
    tried = {command.split()[0] for command in (*READS_FILE, *READS_FOLDER, *WRITES)}
    assert tried == set(COMMANDS)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path | str]:
    """Places at which everything is as it should be."""
    root = tmp_path_factory.mktemp("good")
    for name in ("archive", "labels"):
        (root / name).mkdir()
    (root / "archive" / "ct.nii").write_bytes(nifti(made_hu((12, 12, 12))))
    (root / "labels" / "ct.nii.gz").write_bytes(gzip.compress(nifti(np.ones((12, 12, 12)))))
    write_question_cohort(root)
    return {
        "FOLDER": root / "archive",
        "CT": root / "archive" / "ct.nii",
        "LABELS": root / "labels",
        "TABLES": root / "tables",
        "OUT": root / "out",
    }


def is_sentence(said: str) -> bool:
    """Whether the last line, under the log or click's usage, says what is wrong."""
    lines = said.rstrip("\n").splitlines()
    return "Traceback" not in said and lines[-1].startswith(("ctcohort ", "Error: "))


@pytest.mark.parametrize("bad", ["missing", "folder", *FILES])
@pytest.mark.parametrize("command", READS_FILE)
def test_a_file_that_is_none_is_one_sentence(
    command: str, bad: str, good: dict[str, Path | str], tmp_path: Path
) -> None:
    file = tmp_path / f"given{READS_FILE[command]}"
    if bad == "folder":
        file.mkdir()
    elif bad != "missing":
        file.write_bytes(FILES[bad])
    code, said = answer(command, {**good, "OUT": tmp_path / "out", "IN": file})
    assert is_sentence(said), said
    # a CT that cannot be read has failed; whatever else is missing, nothing could run
    assert code == COULD_NOT_RUN or (code == SOME_FAILED and "segment-one -i IN" in command)


@pytest.mark.parametrize("bad", ["missing", "file", "empty"])
@pytest.mark.parametrize("command", READS_FOLDER)
def test_a_folder_that_is_none_is_one_sentence(
    command: str, bad: str, good: dict[str, Path | str], tmp_path: Path
) -> None:
    folder = tmp_path / "given"
    if bad == "file":
        folder.write_text("no folder")
    elif bad == "empty":
        folder.mkdir()
    code, said = answer(command, {**good, "OUT": tmp_path / "out", "IN": folder})
    assert (code, is_sentence(said)) == (COULD_NOT_RUN, True), said


@pytest.mark.parametrize("bad", ["below a file", "too long"])
@pytest.mark.parametrize("command", WRITES)
def test_an_output_that_cannot_be_made_is_one_sentence(
    command: str, bad: str, good: dict[str, Path | str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "out" if bad == "below a file" else tmp_path / ("x" * 300)
    code, said = answer(command, {**good, "OUT": out})
    assert (code, is_sentence(said)) == (COULD_NOT_RUN, True), said
