"""Exit codes and help of the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from jobs.__main__ import COMMANDS, main
from jobs.shared.command import COULD_NOT_RUN, DONE, SOME_FAILED, Command
from segment_actor.errors import SetupError


def run(result: int | BaseException | None) -> tuple[int, str]:
    @click.command(cls=Command, name="try")
    def command() -> int | None:
        if isinstance(result, BaseException):
            raise result
        return result

    done = CliRunner().invoke(command)
    return done.exit_code, done.stderr


@pytest.mark.parametrize(("result", "code"), [(None, DONE), (0, DONE), (SOME_FAILED, 1)])
def test_a_command_ends_with_the_code_it_returns(result: int | None, code: int) -> None:
    assert run(result)[0] == code


def test_a_set_up_error_is_one_sentence_and_exit_code_2() -> None:
    assert run(SetupError("No bucket.")) == (COULD_NOT_RUN, "ctcohort try: No bucket.\n")


def test_an_error_nobody_caught_ends_with_exit_code_2_and_its_traceback() -> None:
    code = "import click; from jobs.shared.command import Command\n"
    code += "@click.command(cls=Command)\ndef main(): raise ValueError('odd')\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == COULD_NOT_RUN
    assert done.stderr.endswith("ValueError: odd\n")


def test_help_names_every_command_without_importing_torch_or_ray() -> None:
    code = "import sys, jobs.__main__ as m; m.main(['--help'], standalone_mode=False); "
    code += "print(sorted({'ray', 'torch', 'pyarrow'} & set(sys.modules)))"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert all(name in said for name in COMMANDS)
    assert said.endswith("[]\n")


def test_an_unknown_command_is_refused() -> None:
    assert CliRunner().invoke(main, ["segmnt"]).exit_code == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["index", "--archive", "", "--out", "m"], "--archive is empty"),
        (["index", "--archive=", "--out", "m"], "--archive is empty"),
        (["query", "--tables", "t", ""], "An argument is empty"),
        (["segment", "--tables", "--retry-failed"], "--tables needs a value before --retry-failed"),
        (["segment-one", "-i", "c.nii", "-o", "-ml"], "--output needs a value before -ml"),
        (["segment-one", "-i", "c.nii", "-o", "x", "-rs"], "-rs needs a structure"),
        (["segment-one", "-rs", "-i", "c.nii", "-o", "x"], "-rs needs a structure"),
        (["segment-one", "-rs", "liver", "-rs", "-o", "x"], "-rs needs a structure"),
    ],
)
def test_an_option_without_a_value_is_refused(words: list[str], sentence: str) -> None:
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, sentence in done.stderr) == (COULD_NOT_RUN, True), done.stderr


def test_ctrl_c_is_one_word_and_no_traceback() -> None:
    assert run(KeyboardInterrupt()) == (1, "\nAborted!\n")


def test_an_error_of_the_system_is_one_sentence() -> None:
    full = OSError(28, "No space left on device", "/data/x.csv")
    assert run(full) == (COULD_NOT_RUN, "ctcohort try: /data/x.csv: No space left on device\n")


def test_a_user_without_a_home_can_work() -> None:
    alone = ["env", "-u", "HOME", "unshare", "-U", "--map-user=4321", sys.executable, "-c"]
    if subprocess.run([*alone, ""], check=False, capture_output=True).returncode:
        pytest.skip("needs a user namespace")
    code = "from jobs.shared.command import Command; import click, pathlib\n"
    code += "click.command(cls=Command)(lambda: print(pathlib.Path.home()))()"
    assert subprocess.run([*alone, code], capture_output=True, check=True).stdout == b"/\n"


@pytest.mark.parametrize("name", ["index", "segment", "query", "measure"])
def test_a_command_has_help(name: str) -> None:
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"--archive": "nowhere"}, "nowhere does not exist"),
        ({"--model-set": "nothing"}, "there is no model set 'nothing'"),
        ({"--tables": "/dev/null/tables"}, "the tables at /dev/null/tables cannot be used"),
    ],
)
def test_segment_says_what_is_missing_before_it_starts_anything(
    changed: dict[str, str], sentence: str, tmp_path: Path, tiny_model_set: Path
) -> None:
    (tmp_path / "a.nii").write_bytes(b"")
    flags = {
        "--archive": str(tmp_path),
        "--tables": str(tmp_path / "t"),
        "--model-set": str(tiny_model_set),
        **changed,
    }
    arguments = ["segment", *(word for flag in flags.items() for word in flag)]
    done = CliRunner(env={"CTCOHORT_SITE_SECRET": "0123456789abcdef"}).invoke(main, arguments)
    assert done.exit_code == COULD_NOT_RUN
    assert sentence in done.stderr


@pytest.fixture(scope="module")
def tiny_model_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.support.tiny_cohort import write_tiny_model_set  # noqa: PLC0415  # it imports torch

    return write_tiny_model_set(tmp_path_factory.mktemp("models"), groups=["organs"])
