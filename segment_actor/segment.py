"""One CT, from a notebook or a command: a nibabel image in, a nibabel image out.

    labels = segment_image(nib.load("ct.nii.gz"))

The labels lie on the CT's own grid, under its own header, which now holds their names. The models
of a set work one after the other, each with all cores, so that one of them is in memory at a time
(and the next, which is loaded meanwhile).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import nibabel as nib
import numpy as np
import numpy.typing as npt

from segment_actor.anatomy import Schema, load_schema
from segment_actor.errors import SetupError
from segment_actor.grid.geometry import to_canonical
from segment_actor.grid.of_file import label_image
from segment_actor.grid.resampling import to_model_grid
from segment_actor.models.folder import read_model_folder
from segment_actor.models.set import Group, ModelSet, Precision, load_model_set, with_compat
from segment_actor.reading.series import read_series
from segment_actor.volume import HuArray, LabelArray, Volume
from segment_actor.writing.label_map import store_labels


class Segmenter(Protocol):
    """One group's model; `segment_actor.segmenter.GroupSegmenter` is one."""

    def segment(self, hu: HuArray) -> LabelArray:
        """(i, j, k) int16 on the model's grid to (i, j, k) uint8 ids of the schema, 0 elsewhere."""
        ...


Load = Callable[[Group], Segmenter]


@dataclass(frozen=True, slots=True)
class Segmented:
    """What is known of a CT once it is segmented. All axes RAS.

    Attributes:
        volume: the CT on its own grid.
        model_hu: (i, j, k) int16, the CT on the models' grid.
        labels: (i, j, k) uint8, ids of the schema on the models' grid.
    """

    volume: Volume
    model_hu: HuArray
    labels: LabelArray


def segment_image(  # noqa: PLR0913  # keywords, for a notebook
    image: nib.Nifti1Image,
    model_set: str = "embedded",
    *,
    roi_subset: Collection[str] = (),
    compat: str | None = None,
    precision: Precision | None = None,
    engine: str = "auto",
    device: str = "auto",
) -> nib.Nifti1Image:
    """Segments one CT.

    Args:
        image: of HU; 3-D.
        model_set: built-in name, or path of a model set's TOML.
        roi_subset: names of structures; the others stay background, and models that have none of
            them do not run. Empty means all.
        compat: another tool's way, such as "totalsegmentator-2.18".
        precision: of the networks' arithmetic; None takes the set's own.
        engine: auto, torch, openvino or compile.
        device: auto, cpu, gpu or gpu:N.

    Returns:
        uint8 ids of the set's label schema, on the grid and with the header of `image`; the
        header's extension holds their names, as TotalSegmentator's `load_multilabel_nifti` reads
        them.

    Raises:
        SeriesError: the image is no CT that can be measured.
        SetupError: no such model set, structure, engine or device.
    """
    models = load_model_set(model_set)
    if compat is not None:
        models = with_compat(models, compat)
    models = replace(models, precision=precision or models.precision)
    schema = load_schema(models.schema)
    groups = groups_of(models, schema, roi_subset)
    segmenters = OneAhead(groups, group_loader(models, engine, device))
    # the same door as a file: what a file is refused for, an image is refused for
    scan = read_series("nifti", [image.to_bytes()], exact=bool(models.compat))
    segmented = segment_scan(scan.volume, models, segmenters)
    labels = keep_only(segmented.labels, schema, roi_subset)
    return label_image(
        scan.grid,
        store_labels(labels, scan.grid.shape, scan.grid.affine).whole(),
        names_of(schema, roi_subset),
    )


def segment_scan(volume: Volume, models: ModelSet, segmenters: Iterable[Segmenter]) -> Segmented:
    """Segments one CT with one model after the other.

    Args:
        volume: axes in any order; a copy is made unless they are RAS.
        models: whose grid and resampling to use.
        segmenters: of the set, in painting order: a list, which is kept, or a `OneAhead`.
    """
    canonical = to_canonical(volume)
    model_hu = to_model_grid(
        canonical, models.spacing_mm, models.order, truncate=bool(models.compat)
    )
    labels = np.zeros_like(model_hu, np.uint8)
    for segmenter in segmenters:
        part = segmenter.segment(model_hu)
        np.copyto(labels, part, where=part != 0)
    return Segmented(canonical, model_hu, labels)


class OneAhead:
    """The groups' models in order, each loaded while the one before it works, and then let go.

    Loading of the first begins at once, beside whatever the caller does next.

    Args:
        groups: in painting order.
        load: from a group to its model.
    """

    def __init__(self, groups: Sequence[Group], load: Load) -> None:
        self._rest = iter(groups)
        self._load = load
        self._loader = ThreadPoolExecutor(1, "load")
        self._next = self._loader.submit(load, next(self._rest))

    def __iter__(self) -> Iterator[Segmenter]:
        """Each model once."""
        with self._loader:
            for group in self._rest:
                ready = self._next.result()
                self._next = self._loader.submit(self._load, group)
                yield ready
            yield self._next.result()


def group_loader(models: ModelSet, engine: str = "auto", device: str = "auto") -> Load:
    """How a group of this set becomes a model that has all cores of this machine."""
    schema, threads = load_schema(models.schema), os.cpu_count() or 1

    def load(group: Group) -> Segmenter:
        # in the loader's thread, because importing the engine takes its time
        from segment_actor.segmenter import GroupSegmenter  # noqa: PLC0415

        how = (models.step, threads, models.precision, engine, device)
        return GroupSegmenter(group, schema, *how, compat=models.compat)

    return load


def groups_of(models: ModelSet, schema: Schema, roi_subset: Collection[str]) -> tuple[Group, ...]:
    """The groups that are needed for these structures, in painting order; all if none is named.

    Raises:
        SetupError: a structure is not in the schema, or no model of the set has it.
    """
    for name in roi_subset:
        if name not in schema.ids:
            near = difflib.get_close_matches(name, schema.names, n=3)
            hint = f"did you mean {', '.join(near)}?" if near else "see segment_actor/schemas"
            raise SetupError(f"schema {schema.name} has no structure '{name}'; {hint}")
    wanted = set(roi_subset or schema.names)
    has = {g: wanted & {*read_model_folder(g.folder).label_names.values()} for g in models.groups}
    missing = set(roi_subset) - set().union(*has.values())
    if missing:
        raise SetupError(
            f"model set {models.name} does not segment {', '.join(sorted(missing))}; "
            "leave the name out, or choose another --model-set"
        )
    return tuple(group for group, found in has.items() if found)


def keep_only(labels: LabelArray, schema: Schema, roi_subset: Collection[str]) -> LabelArray:
    """The label map with these structures alone; as it is if none is named."""
    if not roi_subset:
        return labels
    table = np.zeros(256, np.uint8)
    for name in roi_subset:
        table[schema.ids[name]] = schema.ids[name]
    kept: LabelArray = table[labels]
    return kept


def has_voxels(labels: LabelArray) -> npt.NDArray[np.bool_]:
    """(256,) bool: whether a label occurs."""
    found: npt.NDArray[np.bool_] = np.bincount(labels.ravel(order="K"), minlength=256) > 0
    return found


def names_of(schema: Schema, roi_subset: Collection[str] = ()) -> dict[int, str]:
    """Id to name, of these structures; of all if none is named."""
    return {s.id: s.name for s in schema.structures if not roi_subset or s.name in roi_subset}
