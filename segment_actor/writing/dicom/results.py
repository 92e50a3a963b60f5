"""All DICOM results of one CT: a SEG a label map, and one SR over them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from segment_actor.anatomy import Schema
from segment_actor.grid.of_file import StoredGrid
from segment_actor.layers import Layer, keep_only, last_that_knows
from segment_actor.reading.dicom.file.header import quiet_pydicom
from segment_actor.writing.dicom.header import Sources
from segment_actor.writing.dicom.kinds import KINDS, SegType
from segment_actor.writing.dicom.measured import Measured
from segment_actor.writing.dicom.planes import planes_of
from segment_actor.writing.dicom.seg import Segment, make_seg, segments_of
from segment_actor.writing.dicom.sr import make_sr
from segment_actor.writing.dicom.stamp import as_bytes
from segment_actor.writing.dicom.uids import Origin
from segment_actor.writing.label_map import store_labels


def dicom_results(  # noqa: PLR0913  # what results are made of
    layers: Sequence[Layer],
    grid: StoredGrid,
    schema: Schema,
    rows: Sequence[Measured],
    sources: Sources,
    origin: Origin,
    *,
    wanted: Collection[str] = KINDS,
    kind: SegType = SegType.LABELMAP,
) -> dict[str, bytes]:
    """Makes the results of one CT.

    Args:
        layers: label maps of the CT.
        grid: of the CT's file, which is DICOM.
        schema: of the labels.
        rows: of `structures`; those of structures that no layer knows are passed over.
        sources: from the headers of the images of this volume.
        origin: of whom UIDs are derived.
        wanted: of `KINDS`. An SR refers to the SEG, which is made either way.
        kind: how segments are stored.

    Returns:
        File name to content: seg.dcm, seg_LAYER.dcm of a further layer, sr.dcm. Where nothing was
        found there is no SEG, and where nothing was measured no SR.
    """
    files: dict[str, bytes] = {}
    segments: dict[str, Segment] = {}
    planes = planes_of(grid)
    owner = last_that_knows(layers, schema.by_id)
    with quiet_pydicom():  # it warns of UIDs that are out of shape, and quotes them
        for number, layer in enumerate(layers):
            mine = [s for s in schema.structures if s.id in layer.ids and owner[s.id] == number]
            if not mine:
                continue
            (own,) = keep_only([layer], schema, [structure.name for structure in mine])
            labels = store_labels(own.labels, planes.shape, planes.affine, own.indices).whole().T
            seg = make_seg(labels, mine, planes, sources, origin, kind=kind, instance=number + 1)
            if seg is None:
                continue
            segments |= segments_of(seg)
            if "seg" in wanted:
                files[f"seg_{layer.name}.dcm" if number else "seg.dcm"] = as_bytes(seg)
        sr = make_sr(rows, segments, schema, planes, sources, origin) if "sr" in wanted else None
        if sr is not None:
            files["sr.dcm"] = as_bytes(sr)
    return files
