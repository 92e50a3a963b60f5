"""The four packages are ours alone, all of them import, and light parts stay light."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cluster", "jobs", "segment_actor", "stats")

MOVED = {"segment_actor.one": "segment_actor.segment", "stats.schema": "stats.tables.schema"}
"""Old import paths that work for one release."""


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
    if name in MOVED:
        sys.modules.pop(name, None)
        with pytest.warns(DeprecationWarning, match=f"{name} is now {MOVED[name]}"):
            moved = importlib.import_module(name)
        new = importlib.import_module(MOVED[name])
        assert all(getattr(moved, public) is getattr(new, public) for public in moved.__all__)
    else:
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


def test_every_data_file_of_the_packages_is_part_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    globs = project["tool"]["setuptools"]["package-data"]
    shipped = {
        file
        for package, patterns in globs.items()
        for pattern in patterns
        for folder in (
            {folder for name in PACKAGES for folder in [ROOT / name, *(ROOT / name).rglob("*/")]}
            if package == "*"
            else {ROOT / package.replace(".", "/")}
        )
        for file in folder.glob(pattern)
    }
    there = {f for name in PACKAGES for f in (ROOT / name).rglob("*") if f.is_file()}
    data = {f for f in there if f.suffix not in {".py", ".pyc", ".nbi", ".nbc"}}
    assert sorted(data - shipped) == []
    assert {ROOT / name / "py.typed" for name in PACKAGES} <= shipped


def declared(*, dev: bool) -> list[str]:
    """Names of the distributions that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + (project["optional-dependencies"]["dev"] if dev else [])
    return [re.split(r"[^A-Za-z0-9-]", line)[0].lower() for line in wanted]


def imported() -> set[str]:
    """Top-level names that our four packages import, anywhere in a file."""
    names = set[str]()
    for file in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - set(PACKAGES) - sys.stdlib_module_names - {"_typeshed"}  # of type checkers alone


def test_every_dependency_is_explained() -> None:
    text = (ROOT / "docs" / "why" / "dependencies.md").read_text(encoding="utf-8")
    assert [name for name in declared(dev=True) if f"**{name}**" not in text] == []


def test_whatever_we_import_is_a_declared_dependency() -> None:
    owners = metadata.packages_distributions()
    ours = {name: {o.lower().replace("_", "-") for o in owners[name]} for name in imported()}
    assert [n for n, owner in ours.items() if owner.isdisjoint(declared(dev=False))] == []


def test_every_direct_dependency_has_one_version_in_the_constraints() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line.partition("==")[0].lower().replace("_", "-") for line in lines]
    assert [name for name in declared(dev=True) if pinned.count(name) != 1] == []
