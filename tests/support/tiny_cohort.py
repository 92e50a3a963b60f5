"""A small archive and a five-group model set of random weights: a whole run within seconds."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path

from segment_actor.anatomy import GROUPS, load_schema
from segment_actor.models.folder import CHECKPOINT, file_sha256
from segment_actor.volume import Shape
from tests.support.bad_inputs import BadInput, bad_inputs
from tests.support.ct_files import SERIES_UID, dicom_files, dicom_slices, made_hu, nifti, zipped
from tests.support.tiny_model import write_tiny_model

Objects = dict[str, bytes]
"""Content by path, as in an archive."""


def write_tiny_model_set(root: Path, groups: Sequence[str] = GROUPS[:2]) -> Path:
    """nnU-Net folders and the TOML that names them; two structures a group.

    Two groups by default: each is a process that imports torch, which takes longer than the work.
    """
    schema = load_schema("paper104")
    text = 'name = "tiny"\nschema = "paper104"\nlicence = "CC0-1.0"\nwarning = "Random weights."\n'
    for group in groups:
        names = tuple(s.name for s in schema.structures if s.group == group)[:2]
        folder = write_tiny_model(root / group, names)
        text += f'[[groups]]\nname = "{group}"\nfolder = "{folder.relative_to(root)}"\n'
        text += f'sha256 = "{file_sha256(folder / CHECKPOINT)}"\n'
    file = root / "tiny.toml"
    file.write_text(text)
    return file


def good_cts(numbers: Iterable[int], shape: Shape = (20, 22, 24)) -> Objects:
    """NIfTI files, each of other voxels."""
    return {f"ct{n:03}.nii.gz": gzip.compress(nifti(made_hu(shape, seed=n)), 1) for n in numbers}


def good_dicom(name: str, number: int) -> Objects:
    """A folder of DICOM files with a series UID of its own."""
    files = dicom_files(dicom_slices(made_hu((16, 16, 12), seed=number)))
    return {f"{name}/{k:04}.dcm": _other_series(file, number) for k, file in enumerate(files)}


def good_zip(name: str, number: int) -> Objects:
    """The same in a zip."""
    return {f"{name}.zip": zipped(good_dicom("images", number))}


SORTED_OUT = {"dicom_two_series", "dicom_localizer", "dicom_other_modality", "zip_two_series"}
"""Bad for a reader that is given all files; an index takes series apart and leaves the rest out."""


def broken() -> tuple[Objects, dict[str, BadInput]]:
    """Inputs that are bad in an archive, each DICOM series with a UID of its own; what they are."""
    inputs = {name: bad for name, bad in bad_inputs().items() if name not in SORTED_OUT}
    objects = {
        path: _other_series(blob, number) if bad.kind == "dicom" else blob
        for number, bad in enumerate(inputs.values(), start=500)
        for path, blob in bad.blobs.items()
    }
    return objects, inputs


def write_objects(folder: Path, objects: Objects) -> Path:
    """Writes an archive, or adds to it."""
    for path, blob in objects.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(blob)
    return folder


def _other_series(file: bytes, number: int) -> bytes:
    """With another number in the series UID, of the same length: offsets stay true."""
    changed = SERIES_UID.replace(".1234.", f".{1000 + number}.")
    return file.replace(SERIES_UID.encode(), changed.encode())
