"""Which engine runs a network, where and how precisely: by rule, without trying or timing."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from segment_actor.errors import SetupError
from segment_actor.execution import AUTO, ENGINES, Engine, Execution, Kind, Precision, kinds_of

NVIDIA = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""A machine with a CUDA device has one of these (Linux, WSL); looking there spares importing torch
where there is none."""


def decide(wanted: Execution, *, here: bool = True) -> Execution:
    """Decides what was left open.

    Args:
        wanted: engine auto is the first of `ENGINES` that runs on the device and is installed;
            device auto is a GPU where there is one that the engine runs on; bfloat16 becomes
            float32 where the processor lacks it.
        here: False for another machine, on which a GPU that was named is taken to be there.

    Returns:
        The same with an engine's name, `cpu` or torch's name of the GPU, and the precision that
        will run.

    Raises:
        SetupError: no such device or combination, or the engine is not installed.
    """
    named = next((engine for engine in ENGINES if engine.name == wanted.engine), None)
    only_cpu = "gpu" not in kinds_of(wanted.engine)
    device = _device("cpu" if only_cpu and wanted.device == AUTO else wanted.device, here=here)
    kind: Kind = "cpu" if device == "cpu" else "gpu"
    engine = named or next(e for e in ENGINES if kind in e.kinds and _is_installed(e))
    if kind not in engine.kinds:
        raise SetupError(
            f"engine {engine.name} runs on the CPU; give --device cpu, or --engine torch"
        )
    if not _is_installed(engine):
        raise SetupError(
            f"{engine.package} is not installed; pip install {engine.package}, "
            "or give --engine torch"
        )
    precision = wanted.precision
    if kind == "cpu":
        if precision == "float16":
            raise SetupError("float16 needs a GPU; give --precision float32 or bfloat16")
        precision = usable_precision(precision)
    return replace(wanted, engine=engine.name, device=device, precision=precision)


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


def _is_installed(engine: Engine) -> bool:
    return find_spec(engine.package) is not None


def _device(wanted: str, *, here: bool) -> str:
    if wanted == "cpu":
        return "cpu"
    wanted = wanted.replace("cuda:", "gpu:")  # decided before, elsewhere: it stays so
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
