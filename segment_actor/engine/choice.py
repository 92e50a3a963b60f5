"""Which engine runs a network, where and how precisely: by rule, without trying or timing."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from segment_actor.errors import SetupError
from segment_actor.models.set import Precision

Engine = Literal["auto", "torch", "openvino", "compile"]

NVIDIA = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""A machine with a CUDA device has one of these (Linux, WSL); looking there spares importing torch
where there is none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided.

    Attributes:
        engine: torch, compile or openvino.
        device: 'cpu', or torch's name of the GPU, such as 'cuda:0'.
        precision: of the convolutions.
    """

    engine: str
    device: str
    precision: Precision


def choose(
    engine: str = "auto",
    device: str = "auto",
    precision: Precision = "float32",
    *,
    here: bool = True,
) -> Choice:
    """Decides what was left open.

    Args:
        engine: of `Engine`; auto is torch on a GPU, on a CPU OpenVINO where it is installed.
        device: 'auto' (a GPU where there is one), 'cpu', 'gpu' or 'gpu:N'.
        precision: bfloat16 becomes float32 where the processor lacks it.
        here: False for another machine, on which a GPU that was named is taken to be there.

    Raises:
        SetupError: no such engine, device or combination.
    """
    where = _device("cpu" if (engine, device) == ("openvino", "auto") else device, here=here)
    on_cpu = where == "cpu"
    if engine not in get_args(Engine):
        known = ", ".join(get_args(Engine))
        raise SetupError(f"there is no engine '{engine}'; name one of {known}")
    if engine == "openvino" and not on_cpu:
        raise SetupError("engine openvino runs on the CPU; give --device cpu, or --engine torch")
    if engine == "openvino" and not _has_openvino():
        raise SetupError("OpenVINO is not installed; pip install openvino, or give --engine torch")
    if engine == "auto":
        engine = "openvino" if on_cpu and _has_openvino() else "torch"
    if on_cpu:
        if precision == "float16":
            raise SetupError("float16 needs a GPU; give --precision float32 or bfloat16")
        precision = usable_precision(precision)
    return Choice(engine, where, precision)


def usable_precision(wanted: Precision) -> Precision:
    """bfloat16 only where the processor multiplies it; without that it is slower than float32."""
    return wanted if wanted != "bfloat16" or _cpu_has_bfloat16() else "float32"


def _cpu_has_bfloat16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return False
    # x86 says flags, ARM says Features
    lines = (line for line in cpuinfo.read_text().splitlines() if line[:5].lower() in _FLAGS)
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(next(lines, "").split())


_FLAGS = ("flags", "featu")


def _has_openvino() -> bool:
    return find_spec("openvino") is not None


def _device(wanted: str, *, here: bool) -> str:
    if wanted == "cpu":
        return "cpu"
    kind, _, number = wanted.partition(":")
    if wanted != "auto" and (kind != "gpu" or not (number or "0").isdigit()):
        raise SetupError(f"there is no device '{wanted}'; name cpu, gpu, gpu:N or auto")
    if wanted != "auto" and not here:
        return f"cuda:{int(number or 0)}"
    count = _gpus()
    if wanted == "auto":
        return "cuda:0" if count else "cpu"
    if int(number or 0) >= count:
        raise SetupError(
            f"device {wanted} is not there: this machine has {count} GPU(s) that torch can use; "
            "give --device cpu, or install a torch with CUDA and check nvidia-smi"
        )
    return f"cuda:{int(number or 0)}"


def _gpus() -> int:
    if not any(path.exists() for path in NVIDIA):
        return 0
    from segment_actor.engine.torch.gpus import count_gpus  # noqa: PLC0415  # torch takes 2 s

    return count_gpus()
