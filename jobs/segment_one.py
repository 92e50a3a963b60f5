"""`ctcohort segment-one`: one CT, with the habits of TotalSegmentator's command line.

One file, one folder of DICOM or one zip in; masks on the CT's own grid out. No Ray, no tables.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from jobs.segment_one_ct.masks import write_masks, write_multilabel
from jobs.segment_one_ct.options import ListCommand, dicom_kinds, fast_set, files_of, place_of
from jobs.shared.command import DONE, SOME_FAILED
from jobs.shared.models import execution_of
from jobs.shared.staging import staged, writing_to
from segment_actor.anatomy import load_schema
from segment_actor.errors import SeriesError, SetupError
from segment_actor.execution import ENGINE_NAMES, PRECISIONS, Execution, Precision
from segment_actor.grid.geometry import to_canonical
from segment_actor.grid.of_file import StoredGrid
from segment_actor.layers import has_voxels, keep_only, last_that_knows
from segment_actor.models.set import ModelSet, load_model_set
from segment_actor.models.way import WAYS
from segment_actor.reading.series import Kind, read_one
from segment_actor.segment import (
    OneAhead,
    Segmented,
    group_loader,
    names_of,
    needed_for,
    segment_scan,
)
from segment_actor.volume import Volume
from segment_actor.writing.dicom.kinds import SegType
from segment_actor.writing.label_map import store_labels

if TYPE_CHECKING:
    from pydicom import Dataset

    from segment_actor.writing.dicom.header import Sources

log = logging.getLogger(__name__)

Flags = Mapping[str, object]


@click.command("segment-one", cls=ListCommand)
@click.option(
    "-i", "--input", "ct", type=click.Path(path_type=Path), required=True,
    help="The CT: .nii, .nii.gz, a folder of DICOM files, or a .zip or .tar.gz of either.",
)  # fmt: skip
@click.option(
    "--series", type=int, metavar="NUMBER",
    help="Of a folder with several DICOM series, the one with this Series Number.",
)  # fmt: skip
@click.option(
    "-o", "--output", "out", type=click.Path(path_type=Path), required=True,
    help="Folder for one mask a structure; with --ml the .nii.gz for all.",
)  # fmt: skip
@click.option("-ml", "--ml", is_flag=True, help="One label map with the names in its header.")
@click.option("-f", "--fast", is_flag=True, help="The coarse models of the same family.")
@click.option(
    "--model-set", "--model_set", default="embedded", show_default=True, help="Name or TOML file."
)
@click.option(
    "-rs", "--roi-subset", "--roi_subset", "roi_subset", multiple=True, metavar="NAME...",
    help="Only these structures; only the models that have them run.",
)  # fmt: skip
@click.option(
    "-s", "--statistics", is_flag=True,
    help="statistics.csv and .json: volume and HU of every structure.",
)  # fmt: skip
@click.option("-p", "--preview", is_flag=True, help="preview.png: slices and renderings.")
@click.option(
    "--dicom", callback=dicom_kinds, metavar="seg,sr",
    help="For a DICOM CT: seg.dcm with the structures, sr.dcm with their volume and HU.",
)  # fmt: skip
@click.option(
    "--seg-type", type=click.Choice([kind.value for kind in SegType]), default="labelmap",
    show_default=True, help="How seg.dcm holds them; binary for old viewers, 200 times as large.",
)  # fmt: skip
@click.option("-d", "--device", default="auto", show_default=True, help="cpu, gpu, gpu:N or auto.")
@click.option(
    "--engine", default="auto", show_default=True, type=click.Choice(ENGINE_NAMES),
    help="What runs the networks.",
)  # fmt: skip
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="Of the networks' arithmetic [as the model set says].",
)
@click.option(
    "--compat", type=click.Choice(list(WAYS)),
    help="Resample, move windows and count statistics as that program does.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and errors.")
def main(ct: Path, out: Path, **flags: object) -> int:
    """Segment one CT: masks on its own grid, with its own header."""
    if flags["quiet"]:
        for package in ("__main__", "jobs", "segment_actor"):
            logging.getLogger(package).setLevel(logging.WARNING)
    try:
        run(ct, out, flags)
    except SeriesError as error:
        click.echo(f"ctcohort segment-one: {ct}: {error.sentence}", err=True)
        return SOME_FAILED
    return DONE


def run(ct: Path, out: Path, flags: Flags) -> None:
    """Segments one CT and writes what was asked for, all of it or nothing.

    Args:
        ct: file or folder.
        out: folder, or file with --ml.
        flags: the other options of `main`, by name.

    Raises:
        SeriesError: the CT cannot be segmented.
        SetupError: an option is wrong, or nothing can be written there.
    """
    begun = time.perf_counter()
    folder, file = place_of(out, ml=bool(flags["ml"]))
    kind, files = files_of(ct)
    models, execution = _models(flags)
    roi_subset = cast("tuple[str, ...]", flags["roi_subset"])
    schema = load_schema(models.schema)
    models = needed_for(models, schema, roi_subset)
    load = group_loader(models, execution)
    with staged(folder) as scratch:
        segmenters = OneAhead(models.groups, load)  # the first model loads while the CT is read
        volume, grid, agent, sources = _read(kind, files, flags, exact=models.way.truncate)
        log.info("%d x %d x %d voxels read", *grid.shape)
        segmented = segment_scan(volume, models, segmenters)
        layers = keep_only(segmented.layers, schema, roi_subset)
        segmented = replace(segmented, layers=layers)
        log.info("segmented by %d model(s) of set %s", len(models.groups), models.name)
        names = names_of(schema, roi_subset)
        with writing_to(folder):
            _write_labels(scratch, file, segmented, grid, names)
            _write_extras(scratch, segmented, models, set(names.values()), agent, flags)
            if sources:
                _write_dicom(scratch, segmented, (models, execution), grid, sources, flags)
    if not flags["quiet"]:
        found = sum(has_voxels(layers)[label] for label in names)
        seconds = time.perf_counter() - begun
        print(f"{found} of {len(names)} structures found in {seconds:.1f} s: {out}")


def _models(flags: Flags) -> tuple[ModelSet, Execution]:
    name = str(flags["model_set"])
    models = load_model_set(
        fast_set(name) if flags["fast"] else name, cast("str | None", flags["compat"])
    )
    precision = cast("Precision | None", flags["precision"])
    execution = execution_of(models, precision, str(flags["engine"]), str(flags["device"]))
    if models.warning:
        log.warning("model set %s: %s", models.name, models.warning)
    return models, execution


def _read(
    kind: Kind, files: Sequence[Path], flags: Flags, *, exact: bool
) -> tuple[Volume, StoredGrid, bool | None, Sources | None]:
    """The CT in RAS, the grid of its file, and what is wanted of its headers.

    That is whether they name a contrast agent, and what DICOM results take from them.

    Its voxels as they were stored are let go.
    """
    try:
        blobs = [file.read_bytes() for file in files]
    except OSError as error:
        raise SetupError(f"cannot read {error.filename}: {error.strerror}") from error
    number = cast("int | None", flags["series"])
    names = [file.name for file in files]
    scan, headers = read_one(kind, blobs, names, exact=exact, number=number)
    sources = _sources(headers) if flags["dicom"] else None
    return to_canonical(scan.volume), scan.grid, scan.facts.contrast_agent, sources


def _write_labels(
    folder: Path,
    file: str | None,
    segmented: Segmented,
    grid: StoredGrid,
    names: Mapping[int, str],
) -> None:
    layers = segmented.layers
    # a structure that no model knows has an empty mask, too
    layer_of = last_that_knows(layers, names)
    for number, layer in enumerate(layers):
        stored = store_labels(layer.labels, grid.shape, grid.affine, layer.indices)
        mine = {label: name for label, name in names.items() if layer_of[label] == number}
        if not file:
            write_masks(folder, stored, grid, mine)
        else:
            # a structure of a further grid may lie inside of another: a file for each layer
            ending = f"_{layer.name}.nii.gz" if number else ".nii.gz"
            path = folder / (file.removesuffix(".nii.gz") + ending)
            write_multilabel(path, stored, grid, mine)


def _write_extras(
    folder: Path,
    segmented: Segmented,
    models: ModelSet,
    shown: set[str],
    agent: bool | None,
    flags: Flags,
) -> None:
    """Statistics and preview; what they need is imported only for those who ask."""
    schema = load_schema(models.schema)
    if flags["statistics"]:
        from jobs.segment_one_ct.statistics import write_statistics

        write_statistics(folder, segmented, models, shown, agent=agent)
    if flags["preview"]:
        from jobs.segment_one_ct.preview import write_preview

        write_preview(segmented, schema, f"{models.name}. {models.warning}", folder / "preview.png")


def _sources(headers: Sequence[Dataset]) -> Sources:
    from jobs.segment_one_ct.dicom import sources_of

    return sources_of(headers)


def _write_dicom(
    folder: Path,
    segmented: Segmented,
    method: tuple[ModelSet, Execution],
    grid: StoredGrid,
    sources: Sources,
    flags: Flags,
) -> None:
    from jobs.segment_one_ct.dicom import write_dicom

    wanted, seg_type = cast("tuple[str, ...]", flags["dicom"]), str(flags["seg_type"])
    write_dicom(folder, segmented, *method, grid, sources, wanted, seg_type)


if __name__ == "__main__":
    main()
