"""`ctcohort segment-one` with small models of random weights, for its tests in several files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jobs.__main__ import main
from tests.support.tiny_cohort import write_tiny_model_set


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two groups of two structures each."""
    return write_tiny_model_set(tmp_path_factory.mktemp("models"), ("organs", "ribs"))


@pytest.fixture
def run(toml: Path) -> Callable[..., Result]:
    """The command, in this process."""

    def start(*arguments: object) -> Result:
        words = ["segment-one", "--model-set", toml, *arguments]
        return CliRunner().invoke(main, [str(word) for word in words])

    return start
