"""`ctcohort parity`: are the labels those of nnU-Net and TotalSegmentator with the same weights?

One CT is labelled by us, by nnU-Net's predictor on the same array and by the official program from
file to file, or was labelled before; each label map is held against ours, voxel by voxel.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pyarrow as pa

from jobs.parity_peers.comparison import ALL, COLUMNS, Comparison
from jobs.parity_peers.official import PROGRAM, find_official, official_labels
from jobs.parity_peers.reference import Reference, read_reference
from jobs.shared.command import DONE, SOME_FAILED, Command
from jobs.shared.models import execution_of
from jobs.shared.output import format_option, write_answer
from segment_actor.anatomy import Schema, load_schema
from segment_actor.engine.choice import decide
from segment_actor.errors import SeriesError, SetupError
from segment_actor.execution import ENGINE_NAMES, PRECISIONS, Execution, Precision
from segment_actor.grid.geometry import to_canonical
from segment_actor.layers import one_after_the_other, paint, resample_whole
from segment_actor.models.set import ModelSet, load_model_set
from segment_actor.reading.nifti import read_nifti
from segment_actor.reading.series import check_volume
from segment_actor.volume import HuArray, LabelArray, Volume
from segment_actor.writing.label_map import store_labels

if TYPE_CHECKING:
    from segment_actor.segmenter import GroupSegmenter

log = logging.getLogger(__name__)

Parts = Sequence[LabelArray]
"""Labels of each group, in painting order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityOptions:
    """What the command line says; see the flags' help."""

    model_set: str
    ct: Path
    reference: Path | None
    official: str
    nnunet: bool
    float32_sums: bool
    min_equal: float
    compat: str | None
    engine: str
    device: str
    precision: Precision | None
    form: str


@dataclass(frozen=True, slots=True)
class Case:
    """A CT as all of them see it.

    Attributes:
        models: that label it, all on one grid.
        execution: how our networks are run.
        schema: of the labels.
        stored: as it was read, on the axes of its file.
        canonical: the same in RAS.
        hu: (i, j, k) int16 on the models' grid.
    """

    models: ModelSet
    execution: Execution
    schema: Schema
    stored: Volume
    canonical: Volume
    hu: HuArray


def run(options: ParityOptions) -> int:
    """The whole job.

    Returns:
        0 if at least `min_equal` of the voxels agree in each comparison that counts, else 1.

    Raises:
        SetupError: it cannot run.
    """
    models = load_model_set(options.model_set, options.compat)
    if len(models.grids) > 1:
        raise SetupError(f"model set {models.name} has several grids; compare one at a time")
    execution = execution_of(models, options.precision, options.engine, options.device)
    execution = decide(replace(execution, threads=_threads()))
    official = find_official(options.official, models)
    if not (options.nnunet or official or options.reference):
        raise SetupError("nothing to compare with: give --nnunet, --official PATH or --reference")
    case = _case(options.ct, models, execution)
    others: dict[str, Reference] = {}
    if options.reference:
        others["reference"] = read_reference(options.reference, case.stored, case.schema)
    ours = list(one_after_the_other(_our_segmenters(case))(range(len(models.groups)), case.hu))
    theirs = _nnunet_parts(case, again=options.float32_sums) if options.nnunet else {}
    if official:
        labels = official_labels(official, options.ct, case.stored, case.schema, execution.device)
        others[PROGRAM] = labels
    comparisons = [*_on_model_grid(case, ours, theirs), *_on_file(case, ours, theirs, others)]
    rows = [row for c in comparisons for row in c.rows(case.schema, models.way.resampling)]
    write_answer(pa.Table.from_pylist(rows, COLUMNS), options.form, out=None)
    for comparison in comparisons:
        log.info("%s", comparison.verdict(options.min_equal))
    enough = all(c.share >= options.min_equal for c in comparisons if c.counts)
    return DONE if enough else SOME_FAILED


def _case(ct: Path, models: ModelSet, execution: Execution) -> Case:
    try:
        stored = read_nifti(ct.read_bytes(), exact=models.way.truncate)
        check_volume(stored)
        canonical = to_canonical(stored)
        (hu,) = resample_whole(canonical, models.grids, models.way)
    except SeriesError as error:
        raise SetupError(f"the CT cannot be used: {error.sentence}") from error
    return Case(models, execution, load_schema(models.schema), stored, canonical, hu)


def _our_segmenters(case: Case) -> Iterator[GroupSegmenter]:
    """Each when its turn comes, so that one model has to be in memory at a time."""
    from segment_actor.segmenter import GroupSegmenter

    for group in case.models.groups:
        segmenter = GroupSegmenter(group, case.schema, case.models.way, case.execution)
        by = segmenter.execution
        log.info("ours: %s by %s on %s in %s", group.name, by.engine, by.device, by.precision)
        yield segmenter


def _nnunet_parts(case: Case, *, again: bool) -> dict[str, Parts]:
    """nnU-Net's labels as it gives them and, on request, again with its sums in float32."""
    from jobs.parity_peers.nnunet import NnUnet

    parts: dict[str, Parts] = {}
    for float32_sums in (False, True) if again else (False,):
        nnunet = NnUnet(case.models.way.step, _threads(), case.execution.device, float32_sums)
        labels = []
        for group in case.models.groups:
            labels.append(nnunet.ids(group.folder, case.hu, case.schema))
            log.info("%s: %s", nnunet.name, group.name)
        parts[nnunet.name] = labels
    return parts


def _on_model_grid(case: Case, ours: Parts, nnunet: dict[str, Parts]) -> Iterator[Comparison]:
    """Group by group. Of nnU-Net's two sums those count that are as precise as ours."""
    i_mm, j_mm, k_mm = case.models.grids[0].spacing_mm
    alike = list(nnunet)[:1] if case.models.way.half_sums else list(nnunet)[-1:]
    for name, parts in nnunet.items():
        for group, of_group, theirs in zip(case.models.groups, ours, parts, strict=True):
            yield Comparison(
                against=name,
                group=group.name,
                hu=case.hu,
                voxel_ml=i_mm * j_mm * k_mm / 1000,
                ours=of_group,
                theirs=theirs,
                counts=name in alike,
            )


def _on_file(
    case: Case, ours: Parts, nnunet: dict[str, Parts], others: dict[str, Reference]
) -> Iterator[Comparison]:
    """All groups as painted, on the grid of the CT's file.

    nnU-Net's labels, with its own sums, also take the place of ours: what differs then has another
    cause than network and sums.
    """
    candidates = {"": ours} | {f", by {name}": parts for name, parts in list(nnunet.items())[:1]}
    for against, theirs in others.items():
        for suffix, parts in candidates.items():
            yield Comparison(
                against=against + suffix,
                group=ALL,
                hu=case.stored.hu,
                voxel_ml=case.stored.voxel_ml,
                ours=_as_stored(case, parts, theirs),
                theirs=theirs.labels,
                counts=not suffix,
            )


def _as_stored(case: Case, parts: Parts, theirs: Reference) -> LabelArray:
    """Painted, without the structures that `theirs` cannot hold."""
    painted = paint(parts)
    shown = painted * theirs.known[painted]
    stored = case.stored
    return store_labels(shown, stored.shape, stored.affine).whole()


def _threads() -> int:
    """All cores that this process may use: nothing else runs beside it."""
    return len(os.sched_getaffinity(0))


@click.command("parity", cls=Command)
@click.option("--model-set", required=True, help="Built-in name, or path of a TOML file.")
@click.option(
    "--ct",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The CT, .nii or .nii.gz.",
)
@click.option(
    "--reference",
    type=click.Path(exists=True, path_type=Path),
    help="A label map of it, or a folder of one, or of masks named STRUCTURE.nii.gz.",
)
@click.option(
    "--official",
    default="auto",
    show_default=True,
    help="auto: run TotalSegmentator too if it is installed; never; or the path of the program.",
)
@click.option("--nnunet/--no-nnunet", default=True, help="Run nnU-Net's own predictor [yes].")
@click.option(
    "--float32-sums",
    is_flag=True,
    help="Run nnU-Net again with its sums in float32, as ours are without --compat.",
)
@click.option(
    "--min-equal",
    type=click.FloatRange(0, 1),
    default=0.9999,
    show_default=True,
    help="Smallest share of equal voxels that is enough.",
)
@click.option(
    "--compat", help="totalsegmentator-2.18: its resampling, step and sums [the model set's]."
)
@click.option(
    "--engine",
    type=click.Choice(ENGINE_NAMES),
    default="auto",
    show_default=True,
    help="Of our networks.",
)
@click.option(
    "--device", default="auto", show_default=True, help="cpu, gpu, gpu:N or auto, for all of them."
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="Of our networks' arithmetic [as the model set says].",
)
@format_option
def main(**flags: object) -> int:
    """Hold our labels of one CT against nnU-Net's and TotalSegmentator's, with the same weights.

    Differences are ours minus theirs. Exit code 0: at least --min-equal of the voxels agree. 1:
    fewer. 2: could not run. docs/why/parity.md says where differences come from.
    """
    return run(ParityOptions(**flags))  # type: ignore[arg-type]  # click checked the types


if __name__ == "__main__":
    main()
