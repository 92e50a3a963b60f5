"""A model folder, ready to run on the engine that was chosen; only that engine is imported."""

from __future__ import annotations

from pathlib import Path

from segment_actor.engine.backend import Backend
from segment_actor.engine.choice import Choice


def load_backend(folder: Path, choice: Choice, threads: int = 1) -> Backend:
    """Loads fold 0 of a model folder.

    Args:
        folder: of one nnU-Net model.
        choice: from `choose`.
        threads: of a CPU.

    Raises:
        SetupError: a file is missing, unreadable, unsafe, or of another network than the plans
            describe; or the model is of a kind we do not run.
    """
    if choice.engine == "openvino":
        from segment_actor.engine.openvino.backend import openvino_backend  # noqa: PLC0415

        return openvino_backend(folder, choice, threads)
    from segment_actor.engine.torch.backend import torch_backend  # noqa: PLC0415

    return torch_backend(folder, choice, threads)
