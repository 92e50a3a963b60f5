"""The four packages are ours alone, all of them import, and light parts stay light."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cluster", "jobs", "segment_actor", "stats")


def modules(package: str) -> list[str]:
    """Names of a package's modules, itself first; `__main__` would run the command line."""
    folder = [str(ROOT / package)]
    found = pkgutil.walk_packages(folder, prefix=f"{package}.")
    return [package, *(m.name for m in found if not m.name.endswith("__main__"))]


def loaded_after(imports: list[str]) -> set[str]:
    """Top-level packages in a fresh interpreter after it has imported these modules."""
    code = f"import sys\nfor name in {imports!r}: __import__(name)\nprint(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in run.stdout.split()}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_claims_our_package_names(package: str) -> None:
    """PyPI has distributions called cluster and stats; one of them would shadow ours."""
    claimants = set(metadata.packages_distributions().get(package, []))
    assert claimants <= {"ctcohort"}


@pytest.mark.parametrize("name", [name for package in PACKAGES for name in modules(package)])
def test_every_module_imports_and_says_what_it_is(name: str) -> None:
    assert importlib.import_module(name).__doc__


def test_the_engine_runs_on_a_bare_machine_without_ray_and_nnunet() -> None:
    engine = [m for m in modules("segment_actor") if "training" not in m]
    assert loaded_after(engine).isdisjoint({"ray", "nnunetv2", "pyarrow", "fsspec", "jobs"})


def test_questions_are_asked_without_torch_and_ray() -> None:
    assert loaded_after(modules("stats")).isdisjoint({"torch", "ray", "jobs", "cluster"})


def test_the_help_of_the_command_line_does_not_wait_for_torch() -> None:
    assert "torch" not in loaded_after(["jobs.__main__"])


def test_no_init_file_in_tests_hides_a_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = [w.partition("[")[0].rstrip("0123456789.~=<>,") for w in wanted]
    assert [name for name in names if f"**{name}**" not in text] == []
