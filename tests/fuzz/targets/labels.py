"""Label maps, as `evaluate` and `measure` read them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from jobs.shared.label_map import read_label_map
from segment_actor.anatomy import load_schema
from segment_actor.grid.of_file import StoredGrid, label_image
from tests.fuzz import nifti_reference
from tests.fuzz.case import Arrays, Case
from tests.fuzz.nifti_damage import DAMAGES, damaged, fields, packed

SCHEMA = load_schema("paper104")
LARGEST = max(SCHEMA.by_id)


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Label maps of every data type, with and without a table of names, damaged."""
    while True:
        done, raw = damaged(rng, _label_map(rng), (*DAMAGES, _voxels, _names))
        way, data = packed(rng, raw)
        yield _case(f"{done}, {way}", data)


def _case(name: str, data: bytes) -> Case:
    return Case(name, {"labels.nii": data}, lambda: _read(data), lambda: nifti_reference.read(data))


def _read(data: bytes) -> Arrays:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "labels.nii"
        file.write_bytes(data)
        found = read_label_map(file, SCHEMA)
    return found.labels, found.affine


def _label_map(rng: np.random.Generator) -> bytes:
    i, j, k = (int(n) for n in rng.integers(4, 16, 3))
    labels = rng.integers(0, LARGEST + 1, (i, j, k)).astype(np.uint8)
    affine = np.diag([*(rng.choice([-1, 1], 3) * rng.uniform(1, 6, 3)), 1.0])
    header = nib.Nifti1Image(labels, affine).header
    header.set_sform(affine, code=1)
    names = {s.id: s.name for s in SCHEMA.structures} if rng.random() < 0.5 else None
    image = label_image(StoredGrid((i, j, k), affine, header), labels, names)
    kind = str(rng.choice(["u1", "u1", "i2", "u2", "i4", "f4", "f8"]))
    image.header.set_data_dtype(kind)
    data: bytes = nib.Nifti1Image(labels.astype(kind), affine, image.header).to_bytes()
    return data


def _voxels(rng: np.random.Generator, raw: bytearray) -> None:
    """Some voxels become what no label is."""
    header = fields(raw)
    try:
        kind: np.dtype[Any] = nib.nifti1.data_type_codes.dtype[int(header["datatype"][0])]  # type: ignore[assignment]
        voxels = np.frombuffer(raw, kind, offset=int(header["vox_offset"][0]))
    except (KeyError, ValueError, OverflowError):  # of a header that is damaged already
        return
    strange = [0.5, 104.5, -1, -0.4, 105, 255, 256, 257, 65536, np.nan, np.inf, 1e30, 1e-30]
    with np.errstate(all="ignore"):
        value = np.array(rng.choice(strange)).astype(voxels.dtype)
    voxels[rng.integers(0, voxels.size, 5)] = value


def _names(rng: np.random.Generator, raw: bytearray) -> None:
    """The table of names says something else than the schema."""
    old, new = str(rng.choice(["liver", "Key", "CDATA", "spleen", "<Label", "?xml"])), b"aorta"
    at = raw.find(old.encode())
    if at >= 0:
        raw[at : at + len(old)] = (new * 2)[: len(old)]
