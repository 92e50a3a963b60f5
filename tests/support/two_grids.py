"""A model set on two grids: the second sees a part of the CT, made of what the first has drawn."""

from __future__ import annotations

from pathlib import Path

from segment_actor.models.folder import file_sha256
from tests.support.tiny_model import write_tiny_model

_HALF_AS_COARSE = {"[2.0, 4.0, 3.0]": "[1.0, 2.0, 1.5]"}


def write_two_grids(root: Path, margin_mm: float) -> Path:
    """Writes coarse (liver, 3 x 2 x 4 mm) and fine (aorta, half of it, around the liver).

    Both with random weights.
    """
    lines = ['name = "two grids"', 'schema = "paper104"', 'licence = "CC0"']
    for name, structure in (("coarse", "liver"), ("fine", "aorta")):
        folder = write_tiny_model(root / name, (structure,))
        if name == "fine":
            plans = folder / "plans.json"
            text = plans.read_text()
            for old, new in _HALF_AS_COARSE.items():
                assert old in text
                text = text.replace(old, new)
            plans.write_text(text)
        digest = file_sha256(folder / "fold_0/checkpoint_final.pth")
        lines += ["[[groups]]", f'name = "{name}"', f'folder = "{folder}"', f'sha256 = "{digest}"']
    lines += ['crop_to = ["liver"]', f"crop_margin_mm = {margin_mm}"]
    path = root / "two_grids.toml"
    path.write_text("\n".join(lines))
    return path
