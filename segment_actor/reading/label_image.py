"""One NIfTI file of labels, which are whole numbers and no Hounsfield units.

A label map goes through no door of the CT's: there a fraction would be rounded to the label of
another organ, and a large value clipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from segment_actor.errors import SetupError, first_few
from segment_actor.reading.nifti import StoredImage, read_extensions, read_stored
from segment_actor.volume import N_LABEL_VALUES, Affine, LabelArray, Shape

WHOLE_TOLERANCE = 1e-4
"""A mask stored as 255 with a slope of 1/255, which is float32, is 6e-8 from 1. Resampling between
two labels leaves fractions of every size."""

_NAME = re.compile(rb'<Label Key="(\d+)"[^>]*><!\[CDATA\[(.{1,64}?)\]\]>')
"""Of the table of names that TotalSegmentator, Connectome Workbench and we put into the header.
What is longer is a damaged table."""


@dataclass(frozen=True, slots=True)
class LabelImage:
    """A file of labels.

    Attributes:
        labels: (I, J, K) uint8, in the file's order of memory.
        affine: (4, 4) float64, voxel index to RAS millimetres.
        names: label to the structure's name, as the file's header says; empty if it says nothing.
    """

    labels: LabelArray
    affine: Affine
    names: Mapping[int, str]

    @property
    def shape(self) -> Shape:
        """(I, J, K) voxels."""
        i, j, k = self.labels.shape
        return i, j, k


def read_label_image(data: bytes) -> LabelImage:
    """Reads a label map or a mask.

    Raises:
        SeriesError: the file cannot be read.
        SetupError: its values are no labels. The sentence begins with a verb, for a caller to put
            the file's name before it.
    """
    image = read_stored(data)
    names = {int(label): name.decode(errors="replace") for label, name in _names(data)}
    return LabelImage(_labels(image), image.header.affine, names)


def _names(data: bytes) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = _NAME.findall(read_extensions(data))
    return [(label, name) for label, name in found if label.strip(b"0") and len(label) <= 3]


def _labels(image: StoredImage) -> LabelArray:
    stored, slope, intercept = image.voxels, image.header.slope, image.header.intercept
    plain = stored.dtype.kind in "iu" and (slope, intercept) == (1.0, 0.0)
    if plain and stored.min() >= 0 and stored.max() < N_LABEL_VALUES:
        return stored.astype(np.uint8, copy=False)
    labels = np.empty(stored.shape, np.uint8, order="F")
    strange: set[float] = set()
    for k in range(stored.shape[2]):
        with np.errstate(all="ignore"):  # what is not finite is refused below
            values = stored[:, :, k].astype(np.float64) * slope + intercept
            whole = np.rint(values)
            no_label = ~(np.abs(values - whole) <= WHOLE_TOLERANCE)
            no_label |= (whole < 0) | (whole >= N_LABEL_VALUES)
            labels[:, :, k] = whole
        strange.update(values[no_label].tolist()[:1000])
    if strange:
        raise SetupError(_what_they_are(strange))
    return labels


def _what_they_are(values: set[float]) -> str:
    if not np.isfinite([*values]).all():
        return "has voxels without a value (NaN or infinite), so it is no label map"
    fractions = sorted(v for v in values if abs(v - round(v)) > WHOLE_TOLERANCE)
    if fractions:
        return (
            f"has values that are no whole numbers ({first_few([f'{v:.4g}' for v in fractions])}), "
            "as after resampling between labels: resample it by nearest neighbour"
        )
    shown = first_few([f"{v:.6g}" for v in sorted(values)])
    return f"has the values {shown}, which are no labels (0..255), so it is no label map"
