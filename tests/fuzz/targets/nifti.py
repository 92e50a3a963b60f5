"""CTs as NIfTI files, as far as to the models' grid."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import nibabel as nib
import numpy as np

from segment_actor.grid.geometry import to_canonical
from segment_actor.grid.resampling import to_model_grid
from segment_actor.reading.series import read_series
from segment_actor.volume import Affine
from tests.fuzz import nifti_reference
from tests.fuzz.case import Arrays, Case
from tests.fuzz.nifti_damage import DAMAGES, damaged, packed

LARGE_SHARE = 1 / 1000
"""Of the cases: each takes seconds."""

FINEST_MM = (1.5, 1.5, 1.5)
"""The models' finest grid."""


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """CTs of every data type, version, byte order and orientation, damaged."""
    while True:
        if rng.random() < LARGE_SHARE:
            yield _large(rng)
        done, raw = damaged(rng, _ct(rng), DAMAGES)
        way, data = packed(rng, raw)
        yield _case(f"{done}, {way}", data)


def _case(name: str, data: bytes) -> Case:
    return Case(name, {"ct.nii": data}, lambda: _read(data), lambda: _expected(data))


def _large(rng: np.random.Generator) -> Case:
    """Small on disk; large in a room, and on the models' grid."""
    spacing_mm = 10 ** rng.uniform(0, 1.8, 3)
    hu = rng.integers(-1000, 1500, (96, 1, 96)).astype(np.int16).repeat(96, 1)
    image = nib.Nifti1Image(hu, np.diag([*spacing_mm, 1.0]))
    return _case(f"large, {spacing_mm.round(1)} mm", gzip.compress(image.to_bytes(), 1, mtime=0))


def _read(data: bytes) -> Arrays:
    volume = read_series("nifti", [data]).volume
    to_model_grid(to_canonical(volume), FINEST_MM)
    return volume.hu, volume.affine


def _expected(data: bytes) -> Arrays:
    values, affine = nifti_reference.read(data)
    return np.clip(np.rint(values), -32768, 32767), affine


def _ct(rng: np.random.Generator) -> bytes:
    shape = rng.integers(4, 20, 3)
    hu = rng.integers(-1000, 1500, shape)
    kind = str(rng.choice(["i2", "i2", "u2", "i4", "f4", "f8", "i8", "u4"]))
    offset = 1024 if kind.startswith("u") else 0
    version: Any = nib.Nifti2Image if rng.random() < 0.2 else nib.Nifti1Image
    header = version.header_class(endianness=str(rng.choice(["<", ">"])))
    header.set_data_dtype(np.dtype(kind).newbyteorder(header.endianness))
    image = version((hu + offset).astype(kind), None, header)
    image.header.set_slope_inter(1, -offset)
    affine = _affine(rng)
    image.header.set_zooms(nib.affines.voxel_sizes(affine))
    if rng.random() < 0.8:
        image.set_sform(affine, code=1)
    if rng.random() < 0.8 or not image.header["sform_code"]:
        image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = image.header["aux_file"] = b"Secret^Name"
    data: bytes = image.to_bytes()
    return data


def _affine(rng: np.random.Generator) -> Affine:
    axes = np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], 3)
    if rng.random() < 0.3:  # oblique, about the first axis of the patient
        angle = rng.uniform(-0.3, 0.3)
        cos, sin = np.cos(angle), np.sin(angle)
        axes = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ axes
    affine: Affine = nib.affines.from_matvec(axes * rng.uniform(1, 6, 3), rng.uniform(-300, 300, 3))
    return affine
