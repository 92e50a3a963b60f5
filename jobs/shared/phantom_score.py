"""How good a run over phantoms was: its label maps and tables against the known truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from jobs.archive.grouping.series import Series
from jobs.shared.label_map import read_label_map
from segment_actor.anatomy import GROUPS, Schema
from segment_actor.volume import N_LABEL_VALUES
from stats.agreement.overlap import dice_per_structure
from stats.query import connect


def score_phantoms(
    series: Sequence[Series], truth: Path, labels: Path, tables: str, schema: Schema
) -> pd.DataFrame:
    """Agreement of every structure of every phantom.

    Args:
        series: the CTs of the index; the truth of a CT has the CT's path under `truth`.
        truth: folder of true label maps.
        labels: folder of predicted ones, SERIES_KEY.nii.gz.
        tables: folder of the run's tables, for the measured volumes.
        schema: names and ids of the structures in both.

    Returns:
        One row a structure present in a phantom: series_key, structure, group, dice,
        volume_error_percent (of the volume in the tables; NULL for one that leaves the field of
        view or was missed). A CT that failed has no rows.
    """
    with connect(tables) as database:
        measured = database.sql("SELECT series_key, structure, status, volume_ml FROM latest").df()
    rows = []
    for one in series:
        predicted = labels / f"{one.series_key}.nii.gz"
        if not predicted.is_file():
            continue
        true_map = read_label_map(truth / one.path, schema, in_ras=True)
        found = read_label_map(predicted, schema, in_ras=True)
        dice = dice_per_structure(true_map.labels, found.labels, schema)
        true_voxels = np.bincount(true_map.labels.ravel(order="K"), minlength=N_LABEL_VALUES)
        true_ml = true_voxels * true_map.voxel_ml
        rows += [
            (one.series_key, s.name, s.group, dice[s.name], float(true_ml[s.id]))
            for s in schema.structures
            if dice[s.name] is not None
        ]
    table = pd.DataFrame(rows, columns=["series_key", "structure", "group", "dice", "true_ml"])
    table = table.merge(measured, how="left", on=["series_key", "structure"])
    whole = table["volume_ml"].where(table["status"] != "truncated")
    table["volume_error_percent"] = 100 * (whole - table["true_ml"]) / table["true_ml"]
    return table.drop(columns=["true_ml", "volume_ml", "status"])


def agreement_by_group(agreement: pd.DataFrame) -> pd.DataFrame:
    """One row a group, and `all`: mean Dice over structures, median absolute volume error.

    The mean of a group is over its structures, each the mean over the CTs that show it, as in the
    paper.
    """
    order = [*(g for g in GROUPS if g in set(agreement["group"])), "all"]
    every = pd.concat([agreement, agreement.assign(group="all")])
    groups = every.groupby("group", sort=False)
    structure_dice = every.groupby(["group", "structure"], sort=False)["dice"].mean()
    table = pd.DataFrame(
        {
            "structures": groups["structure"].nunique(),
            "mean_dice": structure_dice.groupby("group", sort=False).mean(),
            "median_volume_error_percent": groups["volume_error_percent"].agg(
                lambda error: error.abs().median()
            ),
        }
    )
    return table.loc[order]
