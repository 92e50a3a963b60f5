"""How networks are run, as one value, and the list of the engines that can run them.

Nothing here imports an engine: a command line names engines before it knows which one it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from segment_actor.errors import SetupError

Precision = Literal["float32", "bfloat16", "float16"]

PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)

Kind = Literal["cpu", "gpu"]
"""Of a device."""

AUTO: Final = "auto"
"""Decided by rule on the machine that runs; see `segment_actor.engine.choice`."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine: what is needed to offer and to load it.

    Attributes:
        name: as `--engine` has it.
        loader: `module:function`, from a model folder and an `Execution` to a `Backend`; imported
            when the engine is used, never before.
        kinds: of devices that it runs on.
        package: that must be installed for it.
    """

    name: str
    loader: str
    kinds: tuple[Kind, ...]
    package: str


_TORCH: Final = "segment_actor.engine.torch.backend:torch_backend"

ENGINES: Final = (
    Engine(
        "openvino", "segment_actor.engine.openvino.backend:openvino_backend", ("cpu",), "openvino"
    ),
    Engine("torch", _TORCH, ("cpu", "gpu"), "torch"),
    Engine("compile", _TORCH, ("cpu", "gpu"), "torch"),
)
"""All engines. Of those that run on the device and are installed, `auto` takes the first."""

ENGINE_NAMES: Final = (AUTO, *(engine.name for engine in ENGINES))


def kinds_of(engine: str) -> tuple[Kind, ...]:
    """The kinds of devices that a named engine runs on; all for auto."""
    return tuple(dict.fromkeys(k for e in ENGINES if engine in (AUTO, e.name) for k in e.kinds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How networks are run. None of it is meant to change a label.

    Below float32 each engine rounds in its own way, so there engine and precision are part of the
    pipeline version (`models.set.model_set_digest`); device, threads and share never are.

    Attributes:
        engine: of `ENGINE_NAMES`.
        device: auto, cpu, gpu or gpu:N; once it is decided cpu, or torch's name such as cuda:0.
        precision: of the convolutions.
        threads: of a CPU, for network and sums.
        share: of the free memory, 0..1, that one network may take; the rest is for those beside it.

    Raises:
        SetupError: there is no such engine or precision.
    """

    engine: str = AUTO
    device: str = AUTO
    precision: Precision = "float32"
    threads: int = 1
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.engine not in ENGINE_NAMES:
            known = ", ".join(ENGINE_NAMES)
            raise SetupError(f"there is no engine '{self.engine}'; name one of {known}")
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise SetupError(f"there is no precision '{self.precision}'; name one of {known}")
