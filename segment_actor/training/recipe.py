"""From nothing to the two embedded model sets: the recipe behind `ctcohort train`.

1. Phantoms are rendered on two grids (4.5 mm and 3 mm), fingerprinted, planned and preprocessed by
   nnU-Net.
2. One model learns all structures at 4.5 mm: the set `embedded-fast`.
3. Each class group continues from it at 3 mm with its own structures: the set `embedded`. What the
   coarse model knows of where things are is learnt once, not five times.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segment_actor.anatomy import GROUPS, Schema, load_schema
from segment_actor.training.cases import write_dataset
from segment_actor.volume import N_LABEL_VALUES

FAST_ID, FINE_ID, FIRST_GROUP_ID = 910, 900, 901
PLANS = "nnUNetPlans"
CONFIGURATION = "3d_fullres"
TRAINER = "nnUNetTrainerNoMirroring"
"""What the models call their trainer: the base of ours, which nnU-Net's own predictor can find."""
FOLDER = f"{TRAINER}__{PLANS}__{CONFIGURATION}"
N_VALIDATION = 4

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is trained.

    Attributes:
        n_cases: phantoms per grid.
        fast_epochs, group_epochs: epochs for the fast model, and for each group.
        steps_per_epoch: batches of an epoch.
        processes: that render and preprocess phantoms.
        threads: that torch trains with.
    """

    n_cases: int = 120
    fast_epochs: int = 34
    group_epochs: int = 20
    steps_per_epoch: int = 50
    processes: int = 2
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Dataset:
    """One preprocessed nnU-Net dataset: all structures at one spacing."""

    number: int
    name: str
    spacing_mm: float
    memory_gb: float
    """Size that the planner plans for; sets the patch: (64, 64, 96) and (96, 64, 112) voxels."""


FAST = Dataset(FAST_ID, "Dataset910_PhantomFast", 4.5, 1.0)
FINE = Dataset(FINE_ID, "Dataset900_PhantomAll", 3.0, 2.0)


def set_nnunet_folders(work: Path) -> None:
    """Points nnU-Net at a working folder (it takes its paths from the environment)."""
    for kind in ("raw", "preprocessed", "results"):
        (work / kind).mkdir(parents=True, exist_ok=True)
        os.environ[f"nnUNet_{kind}"] = str(work / kind)
    os.environ["nnUNet_n_proc_DA"] = "2"


def prepare_dataset(work: Path, dataset: Dataset, schema: Schema, effort: Effort) -> None:
    """Renders, fingerprints, plans and preprocesses one dataset with nnU-Net's own code."""
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import (
        DatasetFingerprintExtractor,
    )
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor

    from segment_actor.training.planner import SmallPlanner

    write_dataset(
        work / "raw" / dataset.name, schema, effort.n_cases, dataset.spacing_mm, effort.processes
    )
    DatasetFingerprintExtractor(dataset.number, effort.processes).run(overwrite_existing=True)
    SmallPlanner(dataset.number, dataset.spacing_mm, dataset.memory_gb).plan_experiment()
    DefaultPreprocessor(verbose=False).run(dataset.number, CONFIGURATION, PLANS, effort.processes)
    folder = work / "preprocessed" / dataset.name
    keys = sorted(p.stem for p in (work / "raw" / dataset.name / "labelsTr").glob("*.nii"))
    split = {"train": keys[:-N_VALIDATION], "val": keys[-N_VALIDATION:]}
    (folder / "splits_final.json").write_text(json.dumps([split]))


def train_model(
    work: Path, dataset: Dataset, name: str, labels: Mapping[str, int], start: Weights | None,
    epochs: tuple[int, int],
) -> tuple[Weights, dict[str, Any], dict[str, Any]]:  # fmt: skip
    """Trains one model.

    Args:
        work: the working folder after `prepare_dataset`.
        dataset: gives the cases and the plans.
        name: nnU-Net name of the model, e.g. Dataset901_PhantomOrgans.
        labels: the model's structures: name to id in the schema that the cases are labelled with.
        start: weights to continue from, already cut to this model's classes; None for none.
        epochs: number of epochs, and of the steps in one.

    Returns:
        weights, plans and dataset.json of the model.
    """
    from segment_actor.training.trainer import nnUNetTrainerPhantom

    base = work / "preprocessed" / dataset.name
    plans = {**json.loads((base / f"{PLANS}.json").read_text()), "dataset_name": name}
    # The groups continue from the coarse model, so all have the network planned for its grid.
    coarse = json.loads((work / "preprocessed" / FAST.name / f"{PLANS}.json").read_text())
    network = coarse["configurations"][CONFIGURATION]["architecture"]
    plans["configurations"][CONFIGURATION]["architecture"] = network
    about = json.loads((work / "raw" / dataset.name / "dataset.json").read_text())
    local = {structure: n for n, structure in enumerate(labels, start=1)}
    about = {**about, "name": name, "labels": {"background": 0, **local}}
    trainer = nnUNetTrainerPhantom(plans, about)
    trainer.preprocessed_dataset_folder_base = str(base)
    trainer.preprocessed_dataset_folder = str(base / f"{PLANS}_{CONFIGURATION}")
    trainer.num_epochs, trainer.num_iterations_per_epoch = epochs
    trainer.label_map = torch.zeros(N_LABEL_VALUES, dtype=torch.long)
    for structure, number in labels.items():
        trainer.label_map[number] = local[structure]
    os.environ["nnUNet_n_proc_DA"] = "0"
    trainer.initialize()
    if start is not None:
        trainer.network.load_state_dict(start)
    trainer.run_training()
    return trainer.network.state_dict(), plans, about


def cut_to_structures(weights: Weights, ids: list[int]) -> Weights:
    """Weights of an all-structure model, its last layers cut to background and these ids."""
    rows = torch.tensor([0, *ids])
    return {k: v[rows] if ".seg_layers." in k else v for k, v in weights.items()}


def export_model(
    folder: Path, weights: Weights, plans: Mapping[str, Any], about: Mapping[str, Any]
) -> str:
    """Writes an nnU-Net model folder; weights in float16, half the size.

    Returns:
        SHA-256 of the checkpoint.
    """
    fold = folder / "fold_0"
    fold.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in plans.items() if k != "continue_training"}
    kept["configurations"] = {CONFIGURATION: plans["configurations"][CONFIGURATION]}
    (folder / "plans.json").write_text(json.dumps(kept, indent=1) + "\n")
    (folder / "dataset.json").write_text(json.dumps(about, indent=1) + "\n")
    # nnU-Net's modules name each weight up to three times; it is stored once.
    halves: Weights = {}
    for v in weights.values():
        halves.setdefault(str(v.data_ptr()), v.detach().half())
    checkpoint = {
        "network_weights": {k: halves[str(v.data_ptr())] for k, v in weights.items()},
        "trainer_name": TRAINER,
        "init_args": {"configuration": CONFIGURATION, "fold": 0},
        "inference_allowed_mirroring_axes": None,
    }
    path = fold / "checkpoint_final.pth"
    torch.save(checkpoint, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def train_fast(work: Path, out: Path, effort: Effort) -> Weights:
    """The model of all structures at 4.5 mm."""
    schema = load_schema("paper104")
    epochs = (effort.fast_epochs, effort.steps_per_epoch)
    weights, plans, about = train_model(work, FAST, FAST.name, schema.ids, None, epochs)
    export_model(out / FAST.name / FOLDER, weights, plans, about)
    return weights


def train_group(work: Path, out: Path, index: int, coarse: Weights, effort: Effort) -> None:
    """One class group at 3 mm, from the weights of the fast model."""
    schema = load_schema("paper104")
    structures = schema.groups[GROUPS[index]]
    name = group_name(index)
    start = cut_to_structures(coarse, [s.id for s in structures])
    labels = {s.name: s.id for s in structures}
    epochs = (effort.group_epochs, effort.steps_per_epoch)
    weights, plans, about = train_model(work, FINE, name, labels, start, epochs)
    export_model(out / name / FOLDER, weights, plans, about)


def group_name(index: int) -> str:
    """nnU-Net name of a class group's model, e.g. Dataset901_PhantomOrgans."""
    return f"Dataset{FIRST_GROUP_ID + index}_Phantom{GROUPS[index].capitalize()}"


def train(work: Path, models: Path, effort: Effort) -> None:
    """The whole recipe; logs of nnU-Net's trainer are under `work`/results."""
    torch.set_num_threads(effort.threads)
    torch.manual_seed(0)
    schema = load_schema("paper104")
    set_nnunet_folders(work)
    for dataset in (FAST, FINE):
        prepare_dataset(work, dataset, schema, effort)
    coarse = train_fast(work, models, effort)
    for index in range(len(GROUPS)):
        train_group(work, models, index, coarse, effort)


QUICK = Effort(n_cases=6, fast_epochs=1, group_epochs=1, steps_per_epoch=2)
"""Minutes instead of hours, to see that the recipe runs."""
