"""Official weights come out of a bucket as out of a folder."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner

from cluster.stores.one_file import write_bytes
from jobs.weights import main
from segment_actor.models.set import load_model_set
from tests.support.official_model import FAST, use_homes, write_official
from tests.support.seaweed import Seaweed, running_seaweed

pytestmark = pytest.mark.s3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as seaweed:
        yield seaweed


@pytest.fixture
def files(server: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The 3 mm model's files by their path in the official layout; the bucket can be reached."""
    server.use(monkeypatch)
    use_homes(tmp_path, monkeypatch)
    folder = write_official(tmp_path / "made")
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {f"{FAST.name}/{path.relative_to(folder)}": path.read_bytes() for path in found}


@pytest.mark.parametrize("below", ["", f"/{FAST.dataset}", f"/{FAST.name}"])
def test_a_model_comes_in_from_a_prefix(files: dict[str, bytes], below: str) -> None:
    for path, data in files.items():
        write_bytes(f"s3://models/official/{path}", data)
    done = CliRunner().invoke(main, ["import", f"s3://models/official{below}"])
    assert done.exit_code == 0, done.output
    assert load_model_set("total-3mm").grids[0].spacing_mm == (3.0, 3.0, 3.0)


@pytest.mark.parametrize("named", ["", "/release.zip"])
def test_a_zip_in_a_bucket_comes_in(files: dict[str, bytes], named: str) -> None:
    with zipfile.ZipFile(buffer := BytesIO(), "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    write_bytes("s3://models/zips/release.zip", buffer.getvalue())
    assert CliRunner().invoke(main, ["import", f"s3://models/zips{named}"]).exit_code == 0
    assert load_model_set("total-3mm").schema == "total_v2"


@pytest.mark.parametrize("name", ["nowhere", "models/gone.zip"])
@pytest.mark.usefixtures("files")
def test_what_is_not_in_the_bucket_is_one_sentence(name: str) -> None:
    done = CliRunner().invoke(main, ["import", f"s3://{name}"])
    assert done.exit_code == 2
    assert name in done.stderr
    assert done.stderr.count("\n") == 1
