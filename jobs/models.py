"""The model set of a run: as its file says, or in another precision."""

from __future__ import annotations

from dataclasses import replace

from segment_actor.model_set import ModelSet, Precision, load_model_set


def load_models(name_or_path: str, precision: Precision | None) -> ModelSet:
    """Loads and checks a model set.

    Args:
        name_or_path: of the set.
        precision: of the networks' arithmetic; None takes the set's own.

    Raises:
        SetupError: no such set, or a file of it is missing or another one.
    """
    models = load_model_set(name_or_path)
    return replace(models, precision=precision) if precision else models
