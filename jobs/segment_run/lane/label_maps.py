"""Label maps of a run, for those who ask for them: one .nii.gz a CT, on the CT's own grid."""

from __future__ import annotations

from cluster.stores.one_file import write_bytes
from segment_actor.anatomy import Schema
from segment_actor.grid.of_file import StoredGrid, mask_header
from segment_actor.volume import LabelArray
from segment_actor.writing.gzip_parts import gzip_member, part
from segment_actor.writing.label_map import store_labels


def write_label_map(
    folder: str, series_key: str, labels: LabelArray, grid: StoredGrid, schema: Schema
) -> None:
    """Writes FOLDER/SERIES_KEY.nii.gz: uint8 ids of the schema, whose names the header holds.

    Args:
        folder: local path or s3:// prefix.
        series_key: names the file; the manifest says which CT it is.
        labels: (i, j, k) uint8 on the model's grid, RAS.
        grid: of the CT's file, without texts.
        schema: of the labels.

    Raises:
        SetupError: it cannot be written there.
    """
    header = mask_header(grid, {s.id: s.name for s in schema.structures})
    pieces = gzip_member([part(header), *store_labels(labels, grid.shape, grid.affine).parts()])
    write_bytes(f"{folder.rstrip('/')}/{series_key}.nii.gz", b"".join(pieces))
