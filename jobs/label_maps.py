"""Label maps of a run, for those who ask for them: one .nii.gz a CT, on the CT's own grid."""

from __future__ import annotations

import io

import nibabel as nib
from isal import igzip

from cluster.store import write_bytes
from segment_actor.segmenter import labels_on_grid
from segment_actor.volume import Affine, LabelArray, Shape


def write_label_map(
    folder: str, series_key: str, labels: LabelArray, shape: Shape, affine: Affine
) -> None:
    """Writes FOLDER/SERIES_KEY.nii.gz: uint8 ids of the label schema, axes RAS.

    Args:
        folder: local path or s3:// prefix.
        series_key: names the file; the manifest says which CT it is.
        labels: (i, j, k) uint8 on the model's grid.
        shape: (I, J, K) of the CT, axes RAS.
        affine: (4, 4) of the CT, axes RAS.

    Raises:
        SetupError: it cannot be written there.
    """
    image = nib.Nifti1Image(labels_on_grid(labels, shape), affine)
    image.header.set_xyzt_units("mm")
    sink = io.BytesIO()
    # Level 1: 6 compresses label maps to half of that, but takes 15 times as long.
    with igzip.IGzipFile(fileobj=sink, mode="wb", compresslevel=1, mtime=0) as stream:
        stream.write(image.to_bytes())
    write_bytes(f"{folder.rstrip('/')}/{series_key}.nii.gz", sink.getvalue())
