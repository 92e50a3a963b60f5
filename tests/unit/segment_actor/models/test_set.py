"""A model set is checked when it is loaded: what cannot run is refused with a remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segment_actor.anatomy import load_schema
from segment_actor.errors import SetupError
from segment_actor.execution import Execution
from segment_actor.models.folder import file_sha256
from segment_actor.models.grids import Grid
from segment_actor.models.set import label_table, load_model_set, model_set_digest
from segment_actor.models.way import Way
from tests.support.tiny_model import write_tiny_model

DIGEST_0_1 = "4e9873ba2fa94d45c0f93f551bb6e55a2d43bf2c73ba26f8d8ddc39ee70a846f"
"""Of `embedded` in bfloat16 by OpenVINO, as version 0.1.0 computed it."""

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
    assert model_set.grids == (Grid((3.0, 2.0, 4.0)),)
    assert (model_set.way, model_set.precision) == (Way(order=3, step=0.5), "float32")


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (HEAD + 'colour = "red"\n', "colour"),
        (HEAD + "step = 0.0\n", "step must be a number from 0.1 to 1, got 0.0"),
        (HEAD + "order = 2\n", "order must be 0, 1 or 3"),
        (HEAD + 'precision = "int8"\n', "precision must be one of float32, bfloat16, float16"),
        (HEAD + 'compat = "matlab"\n', "no compat 'matlab'; name one of totalsegmentator"),
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


def test_groups_of_one_spacing_share_a_grid_and_others_have_their_own(tmp_path: Path) -> None:
    names = ("first", "second", "third")
    path = write(tmp_path, HEAD + "".join(group_toml(tmp_path, name) for name in names))
    plans = next((tmp_path / "third").glob("*/plans.json"))
    plans.write_text(plans.read_text().replace("[2.0, 4.0, 3.0]", "[2.0, 4.0, 3.5]"))
    models = load_model_set(path)
    assert models.grids == (Grid((3.0, 2.0, 4.0)), Grid((3.5, 2.0, 4.0)))
    assert [models.groups_on(grid) for grid in models.grids] == [(0, 1), (2,)]


@pytest.mark.parametrize(
    ("crop", "sentence"),
    [
        (
            'crop_to = ["aorta"]\ncrop_margin_mm = 5\n',
            "no group before it draws aorta of its crop_to",
        ),
        ('crop_to = ["liver"]\n', "crop_margin_mm"),
        ("crop_to = []\ncrop_margin_mm = 5\n", "a crop needs structures"),
        (
            'crop_to = ["liver"]\ncrop_margin_mm = -1\n',
            "crop_margin_mm must be a number from 0 to 1000, got -1",
        ),
    ],
)
def test_a_crop_is_of_structures_that_are_there_before_it(
    tmp_path: Path, crop: str, sentence: str
) -> None:
    groups = group_toml(tmp_path, "first") + group_toml(tmp_path, "second", ("aorta",)) + crop
    with pytest.raises(SetupError, match=sentence):
        load_model_set(write(tmp_path, HEAD + groups))


def test_groups_of_one_grid_stand_together(tmp_path: Path) -> None:
    crop = 'crop_to = ["liver"]\ncrop_margin_mm = 5\n'
    groups = [group_toml(tmp_path, name) for name in ("first", "second", "third")]
    path = write(tmp_path, HEAD + groups[0] + groups[1] + crop + groups[2])
    with pytest.raises(SetupError, match="must stand one after the other"):
        load_model_set(path)


def test_the_digest_follows_the_crop(tmp_path: Path) -> None:
    def digest(margin_mm: int) -> str:
        crop = f'crop_to = ["liver"]\ncrop_margin_mm = {margin_mm}\n'
        path = tmp_path / f"{margin_mm}.toml"
        path.write_text(HEAD + groups + crop)
        return model_set_digest(load_model_set(path), Execution())

    groups = group_toml(tmp_path, "first") + group_toml(tmp_path, "second", ("aorta",))
    assert digest(5) != digest(10)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + '[[groups]]\nname="a"\nfolder="gone"\nsha256="0"\n')
    with pytest.raises(SetupError, match=r"gone does not exist"):
        load_model_set(path)


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(SetupError, match="no model set 'embeded'; name one of"):
        load_model_set("embeded")


def test_the_digest_follows_settings_and_weights_but_not_the_name(tmp_path: Path) -> None:
    model_set = load_model_set(write(tmp_path, HEAD + group_toml(tmp_path, "first")))
    digest = model_set_digest(model_set, Execution())
    renamed = replace(model_set, name="other", warning="careful")
    assert model_set_digest(renamed, Execution()) == digest
    assert model_set_digest(replace(model_set, way=Way(step=0.8)), Execution()) != digest
    with (model_set.groups[0].folder / "fold_0/checkpoint_final.pth").open("ab") as file:
        file.write(b"\0")
    assert model_set_digest(model_set, Execution()) != digest


def test_the_digest_follows_what_rounds_and_not_where_it_runs(tmp_path: Path) -> None:
    model_set = load_model_set(write(tmp_path, HEAD + group_toml(tmp_path, "first")))

    def digest(**how: Any) -> str:
        return model_set_digest(model_set, Execution(**how))

    assert digest(engine="torch") == digest(engine="openvino")
    assert digest(device="cpu", threads=2, share=0.5) == digest(device="cuda:0")
    half = digest(precision="bfloat16", engine="torch")
    assert half != digest(precision="bfloat16", engine="openvino")
    assert half != digest(engine="torch")


def test_the_digest_of_the_embedded_models_is_that_of_version_0_1() -> None:
    """Tables of 0.1 go on: what decides labels has not changed, so no CT is measured again."""
    execution = Execution(engine="openvino", precision="bfloat16")
    assert model_set_digest(load_model_set("embedded"), execution) == DIGEST_0_1


def test_compat_fixes_order_and_step_as_totalsegmentator_has_them(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + group_toml(tmp_path, "first"))
    theirs = load_model_set(path, "totalsegmentator-2.18").way
    assert (theirs.order, theirs.step, theirs.resampling) == (1, 0.8, "totalsegmentator-2.18")
    assert (theirs.truncate, theirs.half_sums) == (True, True)
    with pytest.raises(SetupError, match="no compat 'matlab'; name one of totalsegmentator"):
        load_model_set(path, "matlab")


def test_a_set_may_name_its_compat_itself(tmp_path: Path) -> None:
    head = HEAD + 'compat = "totalsegmentator-2.18"\n'
    assert load_model_set(write(tmp_path, head + group_toml(tmp_path, "first"))).way.order == 1


def test_the_digest_tells_another_tools_rounding_from_ours(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + group_toml(tmp_path, "first"))
    same_settings = replace(load_model_set(path), way=Way(order=1, step=0.8))
    theirs = load_model_set(path, "totalsegmentator-2.18")
    digests = {model_set_digest(models, Execution()) for models in (theirs, same_settings)}
    assert len(digests) == 2


def test_labels_become_ids_by_name() -> None:
    schema = load_schema("paper104")
    table = label_table({0: "background", 1: "spleen", 2: "liver"}, schema)
    assert list(table[:4]) == [0, schema.ids["spleen"], schema.ids["liver"], 0]
