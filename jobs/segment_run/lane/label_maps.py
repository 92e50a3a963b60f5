"""Label maps of a run, for those who ask for them: one .nii.gz a CT, on the CT's own grid."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.stores.one_file import write_bytes
from segment_actor.anatomy import Schema
from segment_actor.grid.of_file import StoredGrid, mask_header
from segment_actor.layers import Layer
from segment_actor.writing.gzip_parts import compress_part, gzip_member
from segment_actor.writing.label_map import store_labels


def write_label_maps(
    folder: str, series_key: str, layers: Sequence[Layer], grid: StoredGrid, schema: Schema
) -> None:
    """Writes FOLDER/SERIES_KEY.nii.gz: uint8 ids of the schema, whose names the header holds.

    Structures of a second grid may lie inside of others, so each further layer has a file of its
    own, SERIES_KEY.LAYER.nii.gz.

    Args:
        folder: local path or s3:// prefix.
        series_key: names the file; the index says which CT it is.
        layers: of the CT.
        grid: of the CT's file, without texts.
        schema: of the labels.

    Raises:
        SetupError: it cannot be written there.
    """
    header = mask_header(grid, {s.id: s.name for s in schema.structures})
    for number, layer in enumerate(layers):
        ending = f".{layer.name}" if number else ""
        stored = store_labels(layer.labels, grid.shape, grid.affine, layer.indices)
        pieces = gzip_member([compress_part(header), *stored.parts()])
        write_bytes(f"{folder.rstrip('/')}/{series_key}{ending}.nii.gz", b"".join(pieces))
