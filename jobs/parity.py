"""`ctcohort parity`: are the labels those of nnU-Net and TotalSegmentator with the same weights?

One CT is labelled by us, by nnU-Net's predictor on the same array and by the official program from
file to file, or was labelled before; each label map is held against ours, voxel by voxel.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import get_args

import click
import pyarrow as pa

from jobs.command import DONE, SOME_FAILED, Command
from jobs.models import load_models, resampling
from jobs.output import FORMS, write_answer
from jobs.parity_official import PROGRAM, find_official, official_labels
from jobs.parity_reference import Reference, read_reference
from segment_actor.anatomy import Schema, load_schema
from segment_actor.errors import SeriesError, SetupError
from segment_actor.geometry import from_canonical, to_canonical
from segment_actor.model_set import ModelSet, Precision, label_table
from segment_actor.nifti import read_nifti
from segment_actor.reading import check_volume
from segment_actor.resampling import to_model_grid
from segment_actor.volume import HuArray, LabelArray, Volume
from stats.parity import equal_share, structure_agreement

log = logging.getLogger(__name__)

ALL = "all"
"""In the columns `group` and `structure`: of every group, of every voxel."""

BUT_FOR_SUMS = " but for the sums"
"""What follows when nnU-Net's labels, with its float16 sums, take the place of ours."""

COLUMNS = pa.schema(
    [
        ("against", pa.string()),
        ("resampling", pa.string()),
        ("group", pa.string()),
        ("structure", pa.string()),
        ("voxels", pa.int64()),
        ("voxels_differ", pa.int64()),
        ("equal_share", pa.float64()),
        ("dice", pa.float64()),
        ("volume_difference_ml", pa.float64()),
        ("volume_difference_percent", pa.float64()),
        ("hu_difference", pa.float64()),
    ]
)
"""One row a comparison and group (structure "all": voxels of the grid), one a structure of it."""


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
    precision: Precision | None
    form: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two label maps on one grid.

    Attributes:
        against: whose the other is.
        group: of which class group.
        hu: the CT on their grid.
        ours: ids of the schema.
        theirs: likewise.
        voxel_ml: volume of a voxel.
        decides: whether the exit code depends on it.
    """

    against: str
    group: str
    hu: HuArray
    ours: LabelArray
    theirs: LabelArray
    voxel_ml: float
    decides: bool = True


def run(options: ParityOptions) -> int:
    """The whole job.

    Returns:
        0 if at least `min_equal` of the voxels agree in each comparison that counts, else 1.

    Raises:
        SetupError: it cannot run.
    """
    models = load_models(options.model_set, options.precision, options.compat)
    schema = load_schema(models.schema)
    official = find_official(options.official, models)
    if not (options.nnunet or official or options.reference):
        raise SetupError("nothing to compare with: give --nnunet, --official PATH or --reference")
    volume = _read_ct(options.ct, exact=bool(models.compat))
    reference = read_reference(options.reference, volume, schema) if options.reference else None
    canonical = to_canonical(volume)
    hu = to_model_grid(canonical, models.spacing_mm, models.order, truncate=bool(models.compat))
    ours = _our_labels(models, schema, hu)
    comparisons: list[Comparison] = []
    half_sums: Sequence[LabelArray] = ()
    if options.nnunet:
        comparisons, half_sums = _against_nnunet(options, models, schema, hu, ours)
    others = {"reference": reference} if reference else {}
    if official:
        others[PROGRAM] = official_labels(official, options.ct, volume, schema, "cpu")
    for against, theirs in others.items():
        comparisons.append(_on_file(against, volume, canonical, ours, theirs))
        if half_sums:  # ours in everything but the sums: what is left are other causes
            but_for_sums = _on_file(
                f"{against}{BUT_FOR_SUMS}", volume, canonical, half_sums, theirs
            )
            comparisons.append(replace(but_for_sums, decides=False))
    rows = [row for c in comparisons for row in _rows(c, schema, resampling(models))]
    write_answer(pa.Table.from_pylist(rows, COLUMNS), options.form, out=None)
    return _verdict(comparisons, options.min_equal)


def _read_ct(file: Path, *, exact: bool) -> Volume:
    try:
        volume = read_nifti(file.read_bytes(), exact=exact)
        check_volume(volume)
    except SeriesError as error:
        raise SetupError(f"the CT cannot be used: {error.sentence}") from error
    return volume


def _our_labels(models: ModelSet, schema: Schema, hu: HuArray) -> list[LabelArray]:
    from segment_actor.segmenter import GroupSegmenter

    labels = []
    for group in models.groups:
        segmenter = GroupSegmenter(group, schema, models.step, _threads(), models.precision)
        labels.append(segmenter.segment(hu))
        log.info("ours: %s", group.name)
    return labels


def _against_nnunet(
    options: ParityOptions,
    models: ModelSet,
    schema: Schema,
    hu: HuArray,
    ours: Sequence[LabelArray],
) -> tuple[list[Comparison], list[LabelArray]]:
    """Group by group on the model's grid, then as painted; its own sums, and float32 on request.

    Returns:
        The comparisons; the labels of each group by its own, float16 sums.
    """
    from jobs.parity_nnunet import nnunet_labels
    from segment_actor.model_folder import read_model_folder
    from segment_actor.segmenter import paint

    i_mm, j_mm, k_mm = models.spacing_mm
    voxel_ml = i_mm * j_mm * k_mm / 1000
    comparisons: list[Comparison] = []
    half_sums: list[LabelArray] = []
    for float32 in (False, True) if options.float32_sums else (False,):
        name = f"nnU-Net {metadata.version('nnunetv2')}, {'float32' if float32 else 'float16'} sums"
        decides = float32 or not options.float32_sums
        parts = []
        for group, of_group in zip(models.groups, ours, strict=True):
            to_id = label_table(read_model_folder(group.folder).label_names, schema)
            step, threads = models.step, _threads()
            parts.append(
                to_id[nnunet_labels(group.folder, hu, step, threads, float32_sums=float32)]
            )
            log.info("%s: %s", name, group.name)
            both = (of_group, parts[-1])
            comparisons.append(Comparison(name, group.name, hu, *both, voxel_ml, decides))
        if len(parts) > 1:
            both = (paint(ours), paint(parts))
            comparisons.append(Comparison(name, ALL, hu, *both, voxel_ml, decides))
        half_sums = half_sums or parts
    return comparisons, half_sums


def _on_file(
    against: str,
    volume: Volume,
    canonical: Volume,
    parts: Sequence[LabelArray],
    theirs: Reference,
) -> Comparison:
    """On the grid of the CT's file, painted; structures that `theirs` cannot hold are left out."""
    from segment_actor.segmenter import labels_on_grid, paint

    painted = paint(parts)
    on_grid = labels_on_grid(painted * theirs.known[painted], canonical.shape)
    ours = from_canonical(on_grid, volume.affine)
    return Comparison(against, ALL, volume.hu, ours, theirs.labels, volume.voxel_ml)


def _rows(comparison: Comparison, schema: Schema, how: str) -> Iterator[dict[str, object]]:
    ours, theirs = comparison.ours, comparison.theirs
    said = {"against": comparison.against, "resampling": how, "group": comparison.group}
    share = equal_share(ours, theirs)
    differ = round(ours.size * (1 - share))
    everything = {"structure": ALL, "voxels": ours.size, "voxels_differ": differ}
    yield {**said, **everything, "equal_share": share}
    if comparison.against.endswith(BUT_FOR_SUMS):
        return
    for row in structure_agreement(comparison.hu, ours, theirs, comparison.voxel_ml, schema):
        yield {**said, **asdict(row)}


def _verdict(comparisons: Sequence[Comparison], min_equal: float) -> int:
    code = DONE
    for comparison in comparisons:
        share = equal_share(comparison.ours, comparison.theirs)
        enough = share >= min_equal
        if comparison.decides and not enough:
            code = SOME_FAILED
        log.info(
            "%s, %s: %.4f %% of the voxels are equal (%s)",
            comparison.against,
            comparison.group,
            100 * share,
            ("enough" if enough else f"below {100 * min_equal:g} %")
            if comparison.decides
            else "does not count",
        )
    return code


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
    help="Run nnU-Net again with its sums in float32; then that one counts.",
)
@click.option(
    "--min-equal",
    type=click.FloatRange(0, 1),
    default=0.9999,
    show_default=True,
    help="Smallest share of equal voxels that is enough.",
)
@click.option("--compat", help="totalsegmentator-2.18: its resampling and step [the model set's].")
@click.option(
    "--precision",
    type=click.Choice(get_args(Precision)),
    help="Of our networks' arithmetic [as the model set says].",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    default="table",
    show_default=True,
    help="How the rows are written to stdout.",
)
def main(**flags: object) -> int:
    """Hold our labels of one CT against nnU-Net's and TotalSegmentator's, with the same weights.

    Differences are ours minus theirs. Exit code 0: at least --min-equal of the voxels agree. 1:
    fewer. 2: could not run. docs/parity.md says where differences come from.
    """
    return run(ParityOptions(**flags))  # type: ignore[arg-type]  # click checked the types


if __name__ == "__main__":
    main()
