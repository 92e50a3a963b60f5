"""Engines: which one runs, what it keeps on the disk, what it imports, and that all agree."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segment_actor import execution
from segment_actor.engine import choice, load, memory
from segment_actor.engine.choice import decide, usable_precision
from segment_actor.engine.host.constant import ConstantLogits
from segment_actor.engine.load import load_backend
from segment_actor.engine.openvino.exact_norm import replace_norms
from segment_actor.engine.openvino.ir_cache import BIN, XML, cached_model
from segment_actor.engine.openvino.without_telemetry import openvino, operations
from segment_actor.engine.sliding_window import predict_labels
from segment_actor.errors import SetupError
from segment_actor.execution import Execution
from segment_actor.models.folder import read_model_folder
from segment_actor.volume import LabelArray
from tests.support.tiny_model import write_tiny_model

HU = np.random.default_rng(0).normal(0, 300, (30, 20, 25)).astype(np.int16)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CTCOHORT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path, ("liver", "spleen", "aorta"))


def labels_by(engine: str, folder: Path, threads: int = 1) -> LabelArray:
    backend = load_backend(folder, Execution(engine=engine, device="cpu", threads=threads))
    return predict_labels(read_model_folder(folder), backend, HU, 0.8)


def test_auto_is_openvino_on_a_cpu() -> None:
    assert decide(Execution(device="cpu")) == Execution(engine="openvino", device="cpu")


def test_auto_is_torch_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_gpus", lambda: 1)
    decided = decide(Execution(precision="float16"))
    assert decided == Execution(engine="torch", device="cuda:0", precision="float16")
    assert decide(Execution(engine="openvino")).device == "cpu"


@pytest.mark.parametrize("device", ["cpu", "gpu", "gpu:1"])
def test_what_is_decided_stays_decided(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_gpus", lambda: 2)
    decided = decide(Execution(device=device))
    assert decide(decided) == decide(decided, here=False) == decided


def test_a_new_engine_is_a_row_and_a_loader(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that offers, checks and loads an engine reads `ENGINES`."""
    mine = execution.Engine("mine", f"{__name__}:load_constant", ("gpu",), "numpy")
    engines = (mine, *execution.ENGINES)
    for module in (execution, choice, load):
        monkeypatch.setattr(module, "ENGINES", engines)
    monkeypatch.setattr(execution, "ENGINE_NAMES", (*execution.ENGINE_NAMES, "mine"))
    monkeypatch.setattr(choice, "_gpus", lambda: 1)
    decided = decide(Execution())
    assert decided.engine == "mine"
    assert isinstance(load_backend(folder, decided), ConstantLogits)


def load_constant(folder: Path, execution: Execution) -> ConstantLogits:
    model = read_model_folder(folder)
    return ConstantLogits(len(model.label_names), model.patch_size, execution.threads)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"engine": "tensorrt", "device": "cpu"}, "no engine 'tensorrt'"),
        ({"device": "gpu:7"}, "device gpu:7 is not there"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"device": "cpu", "precision": "float16"}, "float16 needs a GPU"),
        ({"precision": "int8"}, "no precision 'int8'"),
    ],
)
def test_what_cannot_run_is_refused(wanted: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        decide(Execution(**wanted))


def test_openvino_is_refused_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_gpus", lambda: 1)
    with pytest.raises(SetupError, match="openvino runs on the CPU"):
        decide(Execution(engine="openvino", device="gpu"))


def test_float32_is_always_usable() -> None:
    assert usable_precision("float32") == "float32"


def test_openvino_labels_as_torch_does(folder: Path) -> None:
    reference = labels_by("torch", folder)
    assert len(np.unique(reference)) > 2
    assert np.mean(labels_by("openvino", folder, threads=2) == reference) >= 0.9999


def test_a_model_in_the_cache_is_run_without_torch_and_reports_nothing(folder: Path) -> None:
    labels_by("openvino", folder)
    code = f"""
import sys
from pathlib import Path
import numpy as np
from segment_actor.engine.choice import decide
from segment_actor.execution import Execution
from segment_actor.engine.load import load_backend
from segment_actor.models.folder import read_model_folder
from segment_actor.engine.sliding_window import predict_labels
folder = Path({str(folder)!r})
backend = load_backend(folder, decide(Execution(device="cpu")))
predict_labels(read_model_folder(folder), backend, np.zeros((20, 20, 20), np.int16))
assert "openvino" in sys.modules
print(*(name for name in sys.modules if name.startswith(("torch", "openvino_telemetry."))))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def writer(text: str) -> Callable[[Path], None]:
    def write(into: Path) -> None:
        for name in (XML, BIN):
            (into / name).write_text(text)

    return write


def test_the_cache_is_written_once_and_then_read(cache: Path) -> None:
    cached_model(cache, "key", writer("first"))
    folder = cached_model(cache, "key", writer("second"))
    assert (folder / BIN).read_text() == "first"
    assert [path.name for path in cache.iterdir()] == ["key"]


def test_a_damaged_file_in_the_cache_is_made_again(cache: Path) -> None:
    (cached_model(cache, "key", writer("first")) / BIN).write_text("dam")
    assert (cached_model(cache, "key", writer("second")) / BIN).read_text() == "second"
    assert [path.name for path in cache.iterdir()] == ["key"]


def test_of_two_that_write_at_a_time_the_first_stays(cache: Path) -> None:
    def slow(into: Path) -> None:
        cached_model(cache, "key", writer("fast"))
        writer("slow")(into)

    assert (cached_model(cache, "key", slow) / BIN).read_text() == "fast"


def test_a_cache_that_cannot_be_written_is_done_without(
    folder: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write_text("a file is in the way")
    labels_by("openvino", folder)
    assert "set CTCOHORT_CACHE_DIR" in caplog.text


def test_the_prediction_grows_with_rows_and_labels_and_a_limit_is_seen(folder: Path) -> None:
    model = read_model_folder(folder)
    one, two = (memory.peak_bytes(model, (100, 90, 80), rows) for rows in (45, 90))
    assert two - one == 4 * 16 * 45 * 80 * 4  # labels, planes, rows, columns, bytes
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))\n"
        "from segment_actor.engine.memory import available_bytes; print(available_bytes())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(run.stdout) < 2**32


def test_constant_logits_label_without_a_network(folder: Path) -> None:
    model = read_model_folder(folder)
    labels = predict_labels(model, ConstantLogits(4, model.patch_size), HU)
    assert set(np.unique(labels)) == {0, 1, 2, 3}


def test_a_mean_over_blocks_is_the_mean_of_all_voxels_whatever_the_shape() -> None:
    values = np.random.default_rng(0).normal(500, 1, (1, 2, 12, 7, 10)).astype(np.float32)
    parameter = operations.parameter(values.shape, np.float32)
    norm = operations.mvn(parameter, [2, 3, 4], True, 1e-5, "inside_sqrt")
    model = openvino.Model([norm], [parameter])
    replace_norms(model)
    answer = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(values)[0]
    axes = (2, 3, 4)
    expected = (values - values.mean(axes, np.float64, keepdims=True)) / values.std(
        axes, np.float64, keepdims=True
    )
    np.testing.assert_allclose(answer, expected, atol=2e-3)
    assert not [op for op in model.get_ops() if op.get_type_name() == "MVN"]
