"""The network run by OpenVINO, on a CPU: half of torch's time in float32, a quarter in bfloat16.

Nothing here imports torch once the model is in the cache.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from segment_actor.engine.host.sums import ZEROS, HostImage, HostSums
from segment_actor.engine.memory import available_bytes, resident_bytes
from segment_actor.engine.openvino.exact_norm import replace_norms
from segment_actor.engine.openvino.ir_cache import BIN, XML, cache_key, cache_root, cached_model
from segment_actor.engine.openvino.without_telemetry import openvino, operations
from segment_actor.engine.windows import BitArray
from segment_actor.execution import Execution
from segment_actor.models.folder import ModelFolder, Normalization, folder_digest, read_model_folder
from segment_actor.volume import FloatArray, HuArray, Shape

log = logging.getLogger(__name__)

IR_VERSION = 1
"""Raise it when models are converted in another way."""

PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoBackend:
    """One network on the CPU.

    Args:
        model: an `openvino.Model` of fixed shape; its normalisations are changed for float32.
        execution: its precision counts, and its threads, which run the network and add its
            logits up; engine and device are known to be openvino and cpu.
    """

    batch = 1

    def __init__(self, model: openvino.Model, execution: Execution) -> None:
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(execution.threads),
            "INFERENCE_PRECISION_HINT": PRECISIONS[execution.precision],
            # five actors would otherwise bind their threads to the same cores
            "ENABLE_CPU_PINNING": "NO",
        }
        self._threads = execution.threads
        self._in_bfloat16 = execution.precision == "bfloat16"
        if self._in_bfloat16:
            model = _answering_in_bfloat16(model)
        else:
            replace_norms(model)
        self._compiled = openvino.Core().compile_model(model, "CPU", settings)
        self._request = self._compiled.create_infer_request()
        self._kept_bytes = 0

    def image(self, hu: HuArray, before: Shape, normalization: Normalization) -> HostImage:
        """Keeps the CT as int16; each window is normalised when it is cut out."""
        return HostImage(hu, before, normalization)

    def logits(self, windows: FloatArray) -> FloatArray | BitArray:
        """(1, 1, *patch) to (1, labels, *patch), float32 or the bits of bfloat16 as uint16.

        The array is OpenVINO's own memory: the next call overwrites it, and no copy is made.
        """
        self._request.set_input_tensor(openvino.Tensor(windows, shared_memory=True))
        before = resident_bytes()
        self._request.infer()
        self._kept_bytes += max(0, resident_bytes() - before)
        logits: FloatArray | BitArray = self._request.get_output_tensor().data
        return logits.view(np.uint16) if self._in_bfloat16 else logits

    def sums(self, weights: FloatArray, shape: Shape, n_labels: int) -> HostSums:
        """Sums in main memory, added by compiled loops on the threads of this engine."""
        return HostSums(weights, shape, n_labels, self._threads)

    def available_bytes(self) -> int:
        """Free main memory, and what OpenVINO and the sums keep for the next CT."""
        return available_bytes() + self._kept_bytes + ZEROS.nbytes

    def release(self) -> None:
        """Gives back the layers' outputs and the sums; 1 to 3 GB with patches of 128 voxels."""
        ZEROS.clear()
        self._request = self._compiled.create_infer_request()
        self._compiled.release_memory()
        self._kept_bytes = 0


def openvino_backend(folder: Path, execution: Execution) -> OpenVinoBackend:
    """Loads a model folder for OpenVINO, from the cache if it has been there.

    Raises:
        SetupError: see `load_network`.
    """
    model = read_model_folder(folder)
    key = cache_key(folder_digest(folder), IR_VERSION, openvino.__version__, model.patch_size)

    def convert(into: Path) -> None:
        log.info(
            "converting %s for OpenVINO; this is done once on each machine", folder.parent.name
        )
        # Never while another thread compiles: numba 0.68 then lacks definitions for the rest of the
        # process ("No definition for lowering divmod"), or torch cannot trace. With empty caches
        # the first CT of `segment-one` failed every time, since models load beside the work.
        with global_compiler_lock:
            openvino.save_model(_converted(model), into / XML, compress_to_fp16=False)

    try:
        return _read(cached_model(cache_root(), key, convert), execution)
    except OSError as error:
        log.warning("no cache at %s (%s); set CTCOHORT_CACHE_DIR", cache_root(), error.strerror)
    with tempfile.TemporaryDirectory() as made:
        convert(Path(made))
        return _read(Path(made), execution)


def _read(folder: Path, execution: Execution) -> OpenVinoBackend:
    model = openvino.Core().read_model(folder / XML, folder / BIN)
    return OpenVinoBackend(model, execution)


def _answering_in_bfloat16(model: openvino.Model) -> openvino.Model:
    """The model with its logits left in bfloat16.

    The last convolution gives no more digits than that. Widened to float32, 118 labels of a window
    would be 0.8 GB of zeros to write and to read again.
    """
    logits = model.get_results()[0].input_value(0)
    answer = operations.result(operations.convert(logits, "bf16"))
    return openvino.Model([answer], model.get_parameters(), model.get_friendly_name())


def _converted(model: ModelFolder) -> openvino.Model:
    import torch  # noqa: PLC0415  # only when a model is seen for the first time

    from segment_actor.engine.torch.network import load_network  # noqa: PLC0415  # imports torch, too

    # traced on the smallest window whose coarsest stage still has two voxels an axis
    strides = np.prod(model.architecture.arguments["strides"], axis=0)
    small = torch.zeros(1, 1, *(2 * np.broadcast_to(strides, 3)).tolist())
    module = load_network(model.folder).module
    with warnings.catch_warnings():
        # torch.jit warns that it will be removed (torch is pinned), and that shapes become
        # constants (the reshape below computes them anew)
        warnings.simplefilter("ignore")
        converted = openvino.convert_model(module, example_input=small)
    converted.reshape([1, 1, *model.patch_size])
    return converted
