"""The model set of a run: as its file says, or in another precision, or another tool's way."""

from __future__ import annotations

import logging
from dataclasses import replace

from segment_actor.engine.choice import choose
from segment_actor.models.set import ModelSet, Precision, load_model_set, with_compat

log = logging.getLogger(__name__)


def load_models(
    name_or_path: str,
    precision: Precision | None,
    compat: str | None = None,
    engine: str = "auto",
    device: str = "auto",
) -> ModelSet:
    """Loads and checks a model set.

    Args:
        name_or_path: of the set.
        precision: of the networks' arithmetic; None takes the set's own.
        compat: the tool whose way to take; None takes the set's own.
        engine: auto, torch, openvino or compile.
        device: auto, cpu, gpu or gpu:N.

    Returns:
        The set with the precision and engine that this machine will use: bfloat16 becomes float32
        where the processor lacks it, so that the pipeline version says what was done.

    Raises:
        SetupError: no such set, tool, engine or device, or a file of the set is missing or another
            one.
    """
    models = load_model_set(name_or_path)
    if compat is not None:
        models = with_compat(models, compat)
    wanted = precision or models.precision
    choice = choose(engine, device, wanted, here=False)
    if choice.precision != wanted:
        log.warning("this processor has no %s; %s runs in float32", wanted, models.name)
    return replace(models, precision=choice.precision, engine=choice.engine)


def resampling(models: ModelSet) -> str:
    """How a CT gets onto the models' grid, as `scans` says it."""
    return models.compat or f"order {models.order}"
