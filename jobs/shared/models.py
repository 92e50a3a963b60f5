"""How a model set will be run: what a command line left open is decided before anything runs."""

from __future__ import annotations

import logging

from segment_actor.engine.choice import decide
from segment_actor.execution import AUTO, Execution, Precision
from segment_actor.models.set import ModelSet

log = logging.getLogger(__name__)


def execution_of(
    models: ModelSet,
    precision: Precision | None = None,
    engine: str = AUTO,
    device: str = AUTO,
) -> Execution:
    """Decides how a set is run, before anything is run and before a pipeline version is made.

    Args:
        models: the set.
        precision: of the networks' arithmetic; None takes the set's own.
        engine: of `ENGINE_NAMES`.
        device: auto, cpu, gpu or gpu:N.

    Returns:
        With the precision and engine that will run: bfloat16 becomes float32 where the processor
        lacks it, so that the pipeline version says what was done.

    Raises:
        SetupError: no such engine or device, or the engine is not installed.
    """
    wanted = Execution(engine=engine, device=device, precision=precision or models.precision)
    decided = decide(wanted, here=False)
    if decided.precision != wanted.precision:
        log.warning("this processor has no %s; %s runs in float32", wanted.precision, models.name)
    return decided
