"""`ctcohort weights`: what comes in is whole, what it says it is, and trusted; or nothing is."""

from __future__ import annotations

import os
import pickle
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from jobs.__main__ import main
from segment_actor.models.folder import CHECKPOINT
from segment_actor.models.official import official_models
from segment_actor.models.trusted import LOCK, read_lock
from tests.support.http_site import Site, running_site
from tests.support.official_model import FAST, change, use_homes, write_official


class Boom:
    """Unpickled by whoever trusts it, it would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("exit 1",)


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ctcohort's own home, empty; TotalSegmentator's is empty too."""
    return use_homes(tmp_path, monkeypatch)[0]


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A USB stick with the 3 mm model on it."""
    write_official(tmp_path / "stick")
    return tmp_path / "stick"


def weights(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["weights", *map(str, arguments)], prog_name="ctcohort")


def zipped(folder: Path, archive: Path) -> Path:
    """All files of a folder, as the release's .zip has them."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            out.write(path, path.relative_to(folder))
    return archive


def is_refused(done: Result, sentence: str, own: Path) -> bool:
    """Exit code 2, one sentence, and nothing came in."""
    left = [path.name for path in own.glob("*")] if own.exists() else []
    assert (done.exit_code, left) == (2, []), (done.output, left)
    assert done.stderr.count("\n") == 1
    return sentence in done.stderr


def test_a_model_comes_in_from_a_folder_with_its_licence(stick: Path, own: Path) -> None:
    done = weights("import", stick)
    assert done.exit_code == 0, done.output
    assert f"{FAST.dataset}: trusted; licence: Apache-2.0" in done.stdout
    assert (own / FAST.name / CHECKPOINT).is_file()
    assert read_lock()[FAST.name].source == str(stick / FAST.name)
    assert {path.name for path in own.iterdir()} == {FAST.dataset, LOCK, ".lock"}


@pytest.mark.parametrize("inner", ["", FAST.dataset, FAST.name])
def test_the_results_a_data_set_or_a_model_may_be_named(stick: Path, inner: str) -> None:
    assert weights("import", stick / inner).exit_code == 0
    assert list(read_lock()) == [FAST.name]


@pytest.mark.parametrize("inside", ["", FAST.dataset])
def test_a_zip_comes_in_with_or_without_the_data_sets_folder(
    stick: Path, tmp_path: Path, inside: str
) -> None:
    archive = zipped(stick / inside, tmp_path / f"{FAST.dataset}.zip")
    assert weights("import", archive).exit_code == 0
    assert weights("verify", "total-3mm").exit_code == 0


def test_zips_in_a_folder_come_in_too(stick: Path, tmp_path: Path) -> None:
    (tmp_path / "zips").mkdir()
    zipped(stick, tmp_path / "zips/any name.zip")
    assert weights("import", tmp_path / "zips").exit_code == 0
    assert list(read_lock()) == [FAST.name]


def test_importing_again_changes_nothing(stick: Path, own: Path) -> None:
    weights("import", stick)
    before = (own / LOCK).read_bytes()
    assert weights("import", stick).exit_code == 0
    assert (own / LOCK).read_bytes() == before


def test_a_changed_file_is_found_by_verify_and_by_list(stick: Path, own: Path) -> None:
    weights("import", stick)
    (own / FAST.name / "dataset.json").write_text("{}")
    done = weights("verify")
    assert done.exit_code == 2
    assert f"{FAST.name}/dataset.json has SHA-256" in done.stderr
    assert "other files" in weights("list").stdout


def test_a_deleted_model_comes_back_only_as_the_files_that_were_trusted(
    stick: Path, own: Path
) -> None:
    weights("import", stick)
    (own / FAST.dataset).rename(own.parent / "gone")
    with (stick / FAST.name / "dataset.json").open("a") as file:
        file.write("\n")
    done = weights("import", stick)
    assert done.exit_code == 2
    assert f"{stick / FAST.name}/dataset.json has SHA-256" in done.stderr
    assert not (own / FAST.dataset).exists()


def test_what_totalsegmentator_has_is_trusted_where_it_lies(tmp_path: Path, own: Path) -> None:
    folder = write_official(tmp_path / "theirs/nnunet/results")
    assert "was never trusted" in weights("verify").stderr
    assert "from now on trusted" in weights("verify", "--trust", "297").stdout
    assert not (own / FAST.dataset).exists()
    assert read_lock()[FAST.name].source == str(folder)
    assert "trusted" in weights("list").stdout


def test_list_names_every_model_its_licence_and_what_needs_a_licence() -> None:
    said = weights("list").stdout
    assert all(model.dataset in said for model in official_models())
    assert said.count("missing") == len(official_models()) == said.count("Apache-2.0")
    assert "tissue_types" in said


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no plans": (lambda f: (f / "plans.json").rename(f / "x"), "holds no model that ctcohort"),
    "no dataset": (lambda f: (f / "dataset.json").unlink(), "dataset.json is missing"),
    "no weights": (lambda f: (f / CHECKPOINT).unlink(), "checkpoint_final.pth is missing"),
    "cut weights": (
        lambda f: (f / CHECKPOINT).write_bytes((f / CHECKPOINT).read_bytes()[:-4000]),
        "checkpoint_final.pth is damaged",
    ),
    "code": (
        lambda f: torch.save({"network_weights": Boom()}, f / CHECKPOINT),
        "holds more than numbers and is not loaded, because it could run code",
    ),
    "bare pickle": (
        lambda f: (f / CHECKPOINT).write_bytes(pickle.dumps(Boom())),
        "checkpoint_final.pth is damaged",
    ),
    "other names": (
        lambda f: change(f / "dataset.json", "spleen", "milt"),
        "dataset.json is not that of Dataset297_TotalSegmentator_total_3mm_1559subj: label 1 is "
        "'milt', not 'spleen'",
    ),
    "2-D": (lambda f: change(f / "plans.json", [16, 16, 16], [16, 16]), "a 2-D model"),
    "cascade": (
        lambda f: change(f / "plans.json", "data_identifier", "previous_stage"),
        "a stage of a cascade",
    ),
    "other spacing": (lambda f: change(f / "plans.json", [3.0] * 3, [1.5] * 3), "not of 3.0 mm"),
    "other network": (
        lambda f: change(f / "plans.json", [4, 8, 8], [4, 8, 16]),
        "does not fit the network of its plans",
    ),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_a_bad_model_is_refused_by_its_file_and_leaves_nothing(
    stick: Path, own: Path, fault: str
) -> None:
    spoil, sentence = BREAKS[fault]
    spoil(stick / FAST.name)
    done = weights("import", stick)
    assert is_refused(done, sentence, own), done.stderr
    assert str(stick) in done.stderr


def member(name: str, mode: int = 0o644, flags: int = 0) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    made.flag_bits = flags
    return made


@pytest.mark.parametrize(
    ("info", "fault"),
    [
        (member("../evil"), "a path out of its folder"),
        (member("a/../../evil"), "a path out of its folder"),
        (member("/etc/evil"), "an absolute path"),
        (member("C:/evil"), "an absolute path"),
        (member("a\\..\\evil"), "an absolute path"),
        (member("link", stat.S_IFLNK | 0o777), "a link"),
    ],
)
def test_a_zip_that_would_leave_its_folder_is_refused_whole(
    stick: Path, tmp_path: Path, own: Path, info: zipfile.ZipInfo, fault: str
) -> None:
    archive = zipped(stick, tmp_path / "bad.zip")
    with zipfile.ZipFile(archive, "a") as out:
        out.writestr(info, b"evil")
    assert is_refused(weights("import", archive), f"is {fault}; nothing was unpacked", own)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kept", [0, 1000, -30])
def test_a_truncated_zip_is_refused(stick: Path, tmp_path: Path, own: Path, kept: int) -> None:
    archive = zipped(stick, tmp_path / "cut.zip")
    archive.write_bytes(archive.read_bytes()[:kept])
    assert is_refused(weights("import", archive), "cut.zip is no whole .zip", own)


def test_a_zip_with_a_flipped_bit_is_refused(stick: Path, tmp_path: Path, own: Path) -> None:
    archive = zipped(stick, tmp_path / "bit.zip")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    assert is_refused(weights("import", archive), "copy or download it again", own)


@pytest.mark.parametrize("uri", ["gone.zip", "gone"])
def test_a_source_that_is_not_there_is_refused(tmp_path: Path, own: Path, uri: str) -> None:
    assert is_refused(weights("import", tmp_path / uri), "gone", own)


def test_a_licensed_model_comes_in_only_for_who_says_to_have_a_licence(
    tmp_path: Path, own: Path
) -> None:
    folder = write_official(tmp_path / "stick", labels=("face",))
    folder.parent.rename(tmp_path / "stick/Dataset303_face_1559subj")
    assert is_refused(weights("import", tmp_path / "stick"), "'face' is a licensed model", own)
    assert weights("import", "--i-have-a-licence", tmp_path / "stick").exit_code == 0
    assert next(iter(read_lock().values())).licence.startswith("TotalSegmentator's licence")


@pytest.fixture
def release(stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A mirror of the releases with the 3 mm model."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running_site(zipped(stick, tmp_path / "release.zip").read_bytes()) as site:
        yield site


def test_fetch_says_what_from_where_how_large_and_under_which_licence_and_needs_a_yes(
    release: Site, own: Path
) -> None:
    done = weights("fetch", "total-3mm", "--from", release.url)
    assert is_refused(done, "nothing was fetched: say --yes", own)
    url = f"{release.url}/v2.0.0-weights/{FAST.dataset}.zip"
    assert f"{url}\n  135 MB, licence of the weights: Apache-2.0" in done.stdout
    assert release.paths == []


def test_a_fetched_model_is_trusted_and_its_zip_is_gone(release: Site, own: Path) -> None:
    release.breaks_after = len(release.content) // 2 + 1
    done = weights("fetch", "297", "--from", release.url, "--yes")
    assert done.exit_code == 0, done.output
    assert release.paths == [f"/v2.0.0-weights/{FAST.dataset}.zip"] * 2
    assert {path.name for path in own.iterdir()} == {FAST.dataset, LOCK, ".lock"}
    assert read_lock()[FAST.name].source.startswith(release.url)
    assert "All of them are here" in weights("fetch", "297").stdout


def test_an_interrupted_fetch_keeps_its_part_and_no_model(release: Site, own: Path) -> None:
    release.breaks_after = 0
    done = weights("fetch", "297", "--from", release.url, "--yes")
    assert done.exit_code == 2
    assert "run the same command again" in done.stderr
    assert not read_lock()
    assert [p.suffix for p in own.iterdir() if p.suffix not in {".part", ".etag"}] == []


def test_a_page_instead_of_a_model_is_refused_and_not_kept(release: Site, own: Path) -> None:
    release.content = b"<html>Please log in</html>"
    done = weights("fetch", "297", "--from", release.url, "--yes")
    assert is_refused(done, "is no whole .zip", own)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("face", "'face' is a licensed model"), ("296", "no models '296'; name one of total, ")],
)
def test_what_cannot_be_fetched_is_refused_without_a_connection(
    release: Site, own: Path, name: str, sentence: str
) -> None:
    assert is_refused(weights("fetch", name, "--from", release.url, "--yes"), sentence, own)
    assert release.paths == []


@pytest.mark.parametrize("name", ["list", "verify", "import", "fetch"])
def test_each_has_help(name: str) -> None:
    assert weights(name, "--help").stdout.startswith(f"Usage: ctcohort weights {name}")
