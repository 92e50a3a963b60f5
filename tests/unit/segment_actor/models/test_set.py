"""A model set is checked when it is loaded: what cannot run is refused with a remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from segment_actor.anatomy import load_schema
from segment_actor.errors import SetupError
from segment_actor.models.folder import file_sha256
from segment_actor.models.set import label_table, load_model_set, model_set_digest, with_compat
from tests.support.tiny_model import write_tiny_model

HEAD = 'name = "tiny"\nschema = "paper104"\nlicence = "CC0"\n'


def group_toml(root: Path, name: str, labels: tuple[str, ...] = ("liver", "spleen")) -> str:
    folder = write_tiny_model(root / name, labels)
    digest = file_sha256(folder / "fold_0/checkpoint_final.pth")
    relative = folder.relative_to(root)
    return f'[[groups]]\nname = "{name}"\nfolder = "{relative}"\nsha256 = "{digest}"\n'


def write(root: Path, text: str) -> Path:
    path = root / "tiny.toml"
    path.write_text(text)
    return path


def test_folders_are_found_from_the_file_and_the_spacing_in_the_plans(tmp_path: Path) -> None:
    groups = group_toml(tmp_path, "first") + group_toml(tmp_path, "second", ("heart_atrium_left",))
    model_set = load_model_set(write(tmp_path, HEAD + groups))
    assert [group.name for group in model_set.groups] == ["first", "second"]
    assert model_set.groups[0].folder.is_absolute()
    assert model_set.spacing_mm == (3.0, 2.0, 4.0)
    assert (model_set.order, model_set.step, model_set.precision) == (3, 0.5, "float32")


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (HEAD + 'colour = "red"\n', "colour"),
        (HEAD + "step = 0.0\n", "step must be above 0"),
        (HEAD + "order = 2\n", "order must be 0, 1 or 3"),
        (HEAD + 'precision = "int8"\n', "precision must be float32, bfloat16 or float16"),
        (HEAD + 'compat = "matlab"\n', "compat must be one of totalsegmentator-2.18, got matlab"),
        (HEAD.replace("paper104", "paper105"), "paper105"),
        (HEAD.replace("licence", "license"), "licen"),
        (HEAD + "step = \n", "not valid"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, head: str, sentence: str) -> None:
    path = write(tmp_path, head + group_toml(tmp_path, "first"))
    with pytest.raises(SetupError, match=sentence):
        load_model_set(path)


def test_a_set_without_groups_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="groups"):
        load_model_set(write(tmp_path, HEAD))


def test_another_checkpoint_than_the_sets_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + group_toml(tmp_path, "first"))
    path.write_text(path.read_text().replace('sha256 = "', 'sha256 = "0'))
    with pytest.raises(SetupError, match=r"checkpoint_final\.pth has SHA-256 .* 'first'"):
        load_model_set(path)


def test_a_structure_unknown_to_the_schema_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + group_toml(tmp_path, "first", ("third_lung",)))
    with pytest.raises(SetupError, match="paper104 has no structure 'third_lung'"):
        load_model_set(path)


def test_groups_of_different_spacing_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + group_toml(tmp_path, "first") + group_toml(tmp_path, "second"))
    plans = next((tmp_path / "second").glob("*/plans.json"))
    plans.write_text(plans.read_text().replace("[2.0, 4.0, 3.0]", "[2.0, 4.0, 3.5]"))
    with pytest.raises(SetupError, match="different spacing"):
        load_model_set(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + '[[groups]]\nname="a"\nfolder="gone"\nsha256="0"\n')
    with pytest.raises(SetupError, match=r"gone does not exist"):
        load_model_set(path)


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(SetupError, match="no model set 'embeded'; name one of"):
        load_model_set("embeded")


def test_the_digest_follows_settings_and_weights_but_not_the_name(tmp_path: Path) -> None:
    model_set = load_model_set(write(tmp_path, HEAD + group_toml(tmp_path, "first")))
    digest = model_set_digest(model_set)
    assert model_set_digest(replace(model_set, name="other", warning="careful")) == digest
    assert model_set_digest(replace(model_set, step=0.8)) != digest
    with (model_set.groups[0].folder / "fold_0/checkpoint_final.pth").open("ab") as file:
        file.write(b"\0")
    assert model_set_digest(model_set) != digest


def test_compat_fixes_order_and_step_as_totalsegmentator_has_them(tmp_path: Path) -> None:
    own = load_model_set(write(tmp_path, HEAD + group_toml(tmp_path, "first")))
    theirs = with_compat(own, "totalsegmentator-2.18")
    assert (theirs.order, theirs.step, theirs.compat) == (1, 0.8, "totalsegmentator-2.18")
    assert with_compat(own, "") is own
    with pytest.raises(SetupError, match="no compat 'matlab'; name one of totalsegmentator"):
        with_compat(own, "matlab")


def test_a_set_may_name_its_compat_itself(tmp_path: Path) -> None:
    head = HEAD + 'compat = "totalsegmentator-2.18"\n'
    assert load_model_set(write(tmp_path, head + group_toml(tmp_path, "first"))).order == 1


def test_the_digest_tells_another_tools_rounding_from_ours(tmp_path: Path) -> None:
    own = load_model_set(write(tmp_path, HEAD + group_toml(tmp_path, "first")))
    same_settings = replace(own, order=1, step=0.8)
    theirs = with_compat(own, "totalsegmentator-2.18")
    assert model_set_digest(theirs) != model_set_digest(same_settings)


def test_labels_become_ids_by_name() -> None:
    schema = load_schema("paper104")
    table = label_table({0: "background", 1: "spleen", 2: "liver"}, schema)
    assert list(table[:4]) == [0, schema.ids["spleen"], schema.ids["liver"], 0]
