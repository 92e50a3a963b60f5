"""Tiny models with random weights in the official layout, and a home for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segment_actor.models.official import OfficialModel, official_models
from tests.support.tiny_model import write_tiny_model

FAST = next(model for model in official_models() if model.number == "297")


def use_homes(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Leads to two empty homes under root: ctcohort's own, and TotalSegmentator's results."""
    own, theirs = root / "own", root / "theirs/nnunet/results"
    theirs.mkdir(parents=True)
    monkeypatch.setenv("CTCOHORT_WEIGHTS_DIR", str(own))
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(root / "theirs"))
    monkeypatch.delenv("TOTALSEG_WEIGHTS_PATH", raising=False)
    return own, theirs


def write_official(
    results: Path, model: OfficialModel = FAST, labels: tuple[str, ...] | None = None
) -> Path:
    """Writes `results`/dataset/model, with other labels than its own if given; returns it."""
    folder = results / model.name
    folder.parent.mkdir(parents=True)
    write_tiny_model(folder.parent, labels or model.structures).rename(folder)
    change(folder / "plans.json", [2.0, 4.0, 3.0], [model.spacing_mm] * 3)
    return folder


def change(path: Path, old: object, new: object) -> None:
    """Replaces one JSON value by another, in the file's text."""
    text = path.read_text()
    assert json.dumps(old) in text
    path.write_text(text.replace(json.dumps(old), json.dumps(new)))
