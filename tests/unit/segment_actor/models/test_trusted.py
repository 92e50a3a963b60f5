"""Official models are found where they lie, and used only if they are the trusted files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.weights_import.model import record_trust
from segment_actor.errors import SetupError
from segment_actor.execution import Execution
from segment_actor.models.grids import Grid
from segment_actor.models.official import licensed_models, official_models
from segment_actor.models.set import load_model_set, model_set_digest
from segment_actor.models.trusted import LOCK, digests, places, read_lock, trusted_models
from segment_actor.models.way import Way
from tests.support.official_model import FAST, use_homes, write_official


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    return use_homes(tmp_path, monkeypatch)


def trust(folder: Path) -> None:
    record_trust(FAST.name, digests(folder), "Apache-2.0", "a test")


def test_the_five_parts_have_all_117_structures_in_the_schemas_order() -> None:
    parts = [model for model in official_models() if model.model_set == "total"]
    assert [model.number for model in parts] == ["291", "292", "293", "294", "295"]
    names = [name for model in parts for name in model.structures]
    assert names == list(FAST.structures)
    assert len(names) == 117


def test_totalsegmentators_variables_lead_to_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    for name in ("CTCOHORT_WEIGHTS_DIR", "TOTALSEG_HOME_DIR", "TOTALSEG_WEIGHTS_PATH"):
        monkeypatch.delenv(name, raising=False)
    assert places()[1] == Path("/home/ann/.totalsegmentator/nnunet/results")
    monkeypatch.setenv("TOTALSEG_HOME_DIR", "/data/ts")
    assert places()[1] == Path("/data/ts/nnunet/results")
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", "/data/weights")
    assert places() == (Path("/home/ann/.local/share/ctcohort/weights"), Path("/data/weights"))


@pytest.mark.usefixtures("homes")
def test_missing_models_are_named_with_the_command_that_gets_them() -> None:
    with pytest.raises(SetupError, match=r"5 of 5 models .*theirs.*fetch 291 292 293 294 295"):
        load_model_set("total")


def test_what_totalsegmentator_downloaded_is_found_but_used_only_once_trusted(
    homes: tuple[Path, Path],
) -> None:
    folder = write_official(homes[1])
    with pytest.raises(SetupError, match="weights verify --trust 297"):
        load_model_set("total-3mm")
    trust(folder)
    model_set = load_model_set("total-3mm")
    assert model_set.groups[0].folder == folder
    assert model_set.grids == (Grid((3.0, 3.0, 3.0)),)
    assert model_set.way == Way(order=3, step=0.8)


def test_our_own_folder_goes_before_totalsegmentators(homes: tuple[Path, Path]) -> None:
    folders = [write_official(home) for home in homes]
    trust(folders[1])
    assert trusted_models([FAST.name])[FAST.name][0] == folders[0]


@pytest.mark.parametrize("file", ["plans.json", "dataset.json", "fold_0/checkpoint_final.pth"])
def test_another_file_than_the_trusted_one_is_refused(homes: tuple[Path, Path], file: str) -> None:
    folder = write_official(homes[1])
    trust(folder)
    with (folder / file).open("ab") as stream:
        stream.write(b"\n")
    with pytest.raises(SetupError, match=rf"{file} has SHA-256"):
        load_model_set("total-3mm")


def test_the_place_of_a_model_does_not_change_the_pipeline_version(
    homes: tuple[Path, Path],
) -> None:
    trust(write_official(homes[1]))
    there = model_set_digest(load_model_set("total-3mm"), Execution())
    (homes[1] / FAST.dataset).rename(homes[0] / FAST.dataset)
    assert model_set_digest(load_model_set("total-3mm"), Execution()) == there


def test_the_lock_never_takes_other_files_for_a_model_it_knows(homes: tuple[Path, Path]) -> None:
    folder = write_official(homes[1])
    trust(folder)
    (folder / "plans.json").write_text("{}")
    with pytest.raises(SetupError, match=r"plans\.json has SHA-256 .* trusts .* since 20"):
        trust(folder)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"a": {"licence": "x"}}', "[" * 20_000, '{"a": null}']
)
def test_a_damaged_lock_is_refused(homes: tuple[Path, Path], text: str) -> None:
    homes[0].mkdir()
    (homes[0] / LOCK).write_text(text)
    with pytest.raises(SetupError, match=r"weights\.lock\.json is damaged"):
        read_lock()


def test_the_lock_says_licence_source_and_day(homes: tuple[Path, Path]) -> None:
    trust(write_official(homes[1]))
    entry = json.loads((homes[0] / LOCK).read_text())[FAST.name]
    assert (entry["licence"], entry["source"]) == ("Apache-2.0", "a test")
    assert entry["since"].endswith("+00:00")


@pytest.mark.parametrize("task", sorted(licensed_models()))
def test_a_licensed_model_is_refused_with_where_to_get_a_licence(task: str) -> None:
    with pytest.raises(SetupError, match=rf"'{task}' is a licensed model .* https://backend"):
        load_model_set(task)


def test_a_set_of_ones_own_may_name_a_trusted_model_but_no_folder_beside_it(
    homes: tuple[Path, Path], tmp_path: Path
) -> None:
    trust(write_official(homes[1]))
    head = 'name = "mine"\nschema = "total_v2"\nlicence = "Apache-2.0"\n'
    text = f'{head}[[groups]]\nname = "all"\nweights = "{FAST.name}"\n'
    (tmp_path / "mine.toml").write_text(text)
    assert load_model_set(tmp_path / "mine.toml").groups[0].folder == homes[1] / FAST.name
    (tmp_path / "mine.toml").write_text(text + 'folder = "x"\n')
    with pytest.raises(SetupError, match="folder"):
        load_model_set(tmp_path / "mine.toml")
