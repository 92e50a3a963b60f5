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

import nibabel as nib
import numpy as np

from segment_actor.anatomy import Schema, load_schema
from segment_actor.errors import SetupError
from segment_actor.execution import AUTO, Execution, Precision
from segment_actor.grid.geometry import to_canonical
from segment_actor.grid.of_file import label_image
from segment_actor.layers import (
    Layer,
    Segmenter,
    flattened,
    keep_only,
    one_after_the_other,
    resample_whole,
    segment_layers,
)
from segment_actor.models.folder import read_model_folder
from segment_actor.models.group import Group
from segment_actor.models.set import ModelSet, load_model_set
from segment_actor.reading.series import read_series
from segment_actor.volume import HuArray, LabelArray, Volume
from segment_actor.writing.label_map import store_labels

Load = Callable[[Group], Segmenter]


@dataclass(frozen=True, slots=True)
class Segmented:
    """What is known of a CT once it is segmented. All axes RAS.

    Attributes:
        volume: the CT on its own grid.
        resampled: (i, j, k) int16, the CT on each grid that covers all of it.
        layers: a label map a grid.
    """

    volume: Volume
    resampled: tuple[HuArray, ...]
    layers: tuple[Layer, ...]

    @property
    def labels(self) -> LabelArray:
        """(i, j, k) uint8: all layers on the grid of the first, for pictures and one label map."""
        return flattened(self.layers, self.volume.shape)


def segment_image(  # noqa: PLR0913  # keywords, for a notebook
    image: nib.Nifti1Image,
    model_set: str = "embedded",
    *,
    roi_subset: Collection[str] = (),
    compat: str | None = None,
    precision: Precision | None = None,
    engine: str = AUTO,
    device: str = AUTO,
) -> nib.Nifti1Image:
    """Segments one CT.

    Args:
        image: of HU; 3-D.
        model_set: built-in name, or path of a model set's TOML.
        roi_subset: names of structures; the others stay background, and models that none of them
            needs do not run. Empty means all.
        compat: another tool's way, such as "totalsegmentator-2.18".
        precision: of the networks' arithmetic; None takes the set's own.
        engine: of `segment_actor.execution.ENGINE_NAMES`.
        device: auto, cpu, gpu or gpu:N.

    Returns:
        uint8 ids of the set's label schema, on the grid and with the header of `image`; the
        header's extension holds their names, as TotalSegmentator's `load_multilabel_nifti` reads
        them. Of a set with several grids, a voxel has the label of the last that has one there.

    Raises:
        SeriesError: the image is no CT that can be measured.
        SetupError: no such model set, structure, engine or device.
    """
    models = load_model_set(model_set, compat)
    schema = load_schema(models.schema)
    models = needed_for(models, schema, roi_subset)
    execution = Execution(engine=engine, device=device, precision=precision or models.precision)
    segmenters = OneAhead(models.groups, group_loader(models, execution))
    # the same door as a file: what a file is refused for, an image is refused for
    scan = read_series("nifti", [image.to_bytes()], exact=models.way.truncate)
    segmented = segment_scan(scan.volume, models, segmenters)
    whole = np.zeros(scan.grid.shape, np.uint8, order="F")
    for layer in keep_only(segmented.layers, schema, roi_subset):
        labels = store_labels(
            layer.labels, scan.grid.shape, scan.grid.affine, layer.indices
        ).whole()
        np.copyto(whole, labels, where=labels != 0)
    return label_image(scan.grid, whole, names_of(schema, roi_subset))


def segment_scan(volume: Volume, models: ModelSet, segmenters: Iterable[Segmenter]) -> Segmented:
    """Segments one CT with one model after the other.

    Args:
        volume: axes in any order; a copy is made unless they are RAS.
        models: whose grids and way to use.
        segmenters: of the set, in painting order: a list, which is kept, or a `OneAhead`.
    """
    canonical = to_canonical(volume)
    resampled = resample_whole(canonical, models.whole_grids, models.way)
    layers = segment_layers(canonical, resampled, models, one_after_the_other(segmenters))
    return Segmented(canonical, tuple(resampled), layers)


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


def group_loader(models: ModelSet, execution: Execution) -> Load:
    """How a group of this set becomes a model that has all cores of this machine."""
    schema = load_schema(models.schema)
    with_all_cores = replace(execution, threads=os.cpu_count() or 1)

    def load(group: Group) -> Segmenter:
        # in the loader's thread, because importing the engine takes its time
        from segment_actor.segmenter import GroupSegmenter  # noqa: PLC0415

        return GroupSegmenter(group, schema, models.way, with_all_cores)

    return load


def needed_for(models: ModelSet, schema: Schema, roi_subset: Collection[str]) -> ModelSet:
    """The set with the groups alone that these structures need; as it is if none is named.

    A group that works on a crop needs those that draw what the crop is made of.

    Raises:
        SetupError: a structure is not in the schema, or no model of the set has it.
    """
    for name in roi_subset:
        if name not in schema.ids:
            near = difflib.get_close_matches(name, schema.names, n=3)
            hint = f"did you mean {', '.join(near)}?" if near else "see segment_actor/schemas"
            raise SetupError(f"schema {schema.name} has no structure '{name}'; {hint}")
    drawn = {g: {*read_model_folder(g.folder).label_names.values()} for g in models.groups}
    wanted = set(roi_subset or schema.names)
    if missing := set(roi_subset) - set().union(*drawn.values()):
        raise SetupError(
            f"model set {models.name} does not segment {', '.join(sorted(missing))}; "
            "leave the name out, or choose another --model-set"
        )
    groups: list[Group] = []
    for group in reversed(models.groups):
        if wanted & drawn[group]:
            groups.insert(0, group)
            wanted.update(group.crop.structures if group.crop else ())
    return replace(models, groups=tuple(groups))


def names_of(schema: Schema, roi_subset: Collection[str] = ()) -> dict[int, str]:
    """Id to name, of these structures; of all if none is named."""
    return {s.id: s.name for s in schema.structures if not roi_subset or s.name in roi_subset}
