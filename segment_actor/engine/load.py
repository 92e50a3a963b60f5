"""A model folder, ready to run on the engine that was chosen; only that engine is imported."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from segment_actor.engine.backend import Backend
from segment_actor.execution import ENGINES, Execution


def load_backend(folder: Path, execution: Execution) -> Backend:
    """Loads fold 0 of a model folder.

    Args:
        folder: of one nnU-Net model.
        execution: decided (see `choice.decide`), its engine not auto.

    Raises:
        SetupError: a file is missing, unreadable, unsafe, or of another network than the plans
            describe; or the model is of a kind we do not run.
    """
    (loader,) = (engine.loader for engine in ENGINES if engine.name == execution.engine)
    module, _, name = loader.partition(":")
    load: Callable[[Path, Execution], Backend] = getattr(import_module(module), name)
    return load(folder, execution)
