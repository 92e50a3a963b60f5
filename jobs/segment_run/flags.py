"""What `ctcohort segment` can be told on its command line; defaults stand in `SegmentConfig`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from jobs.segment_run.config import SegmentConfig
from segment_actor.execution import ENGINE_NAMES, PRECISIONS

DEFAULTS: Final = SegmentConfig(tables="", archive="")
"""For the texts."""

OPTIONS: Final = (
    click.option(
        "--config", type=click.Path(path_type=Path), help="TOML file; flags go before it."
    ),
    click.option("--archive", help="Folder, s3://bucket/prefix or PACS of the CTs."),
    click.option(
        "--index",
        help="Folder of ctcohort index: alone, as it is; with --archive, where its index is kept "
        "[beside the site's secret].",
    ),
    click.option("--series", help="one-per-acquisition, or all [one-per-acquisition]."),
    click.option("--tables", help="Folder or s3://bucket/prefix of the results."),
    click.option("--model-set", help="Built-in name, or path of a TOML file [embedded]."),
    click.option("--address", help="Ray cluster [this job's or RAY_ADDRESS, else this machine]."),
    click.option(
        "--allow-open-cluster",
        is_flag=True,
        default=None,
        help="Join a Ray that asks for no token.",
    ),
    click.option("--lanes", type=int, help="CTs segmented side by side [as the cluster can]."),
    click.option(
        "--calls-per-lane",
        type=int,
        help=f"CTs a lane holds at a time [{DEFAULTS.calls_per_lane}].",
    ),
    click.option(
        "--commit-every-cts",
        type=int,
        help=f"Commit after so many CTs [{DEFAULTS.commit_every_cts}].",
    ),
    click.option(
        "--commit-every-s",
        type=float,
        help=f"Commit after so many seconds [{DEFAULTS.commit_every_s:g}].",
    ),
    click.option(
        "--demographics", help="CSV with path, age_years, sex [archive: demographics.csv]."
    ),
    click.option("--labels", help="Folder or s3:// prefix for label maps [none are written]."),
    click.option(
        "--ages-above-90", is_flag=True, default=None, help="Do not give ages above 90 as 90."
    ),
    click.option(
        "--dicom-out",
        help="Folder, s3:// or dicomweb+https:// for results in DICOM [none are made].",
    ),
    click.option("--dicom", help=f"Which: seg, sr, or both with a comma [{DEFAULTS.dicom}]."),
    click.option("--seg-type", help=f"labelmap, or binary for old viewers [{DEFAULTS.seg_type}]."),
    click.option(
        "--dicom-identity", help=f"Whom they name: patient, or removed [{DEFAULTS.dicom_identity}]."
    ),
    click.option("--retry-failed", is_flag=True, default=None, help="Take up failed series again."),
    click.option(
        "--max-attempts", type=int, help=f"Times a CT may end its worker [{DEFAULTS.max_attempts}]."
    ),
    click.option("--precision", help=f"{', '.join(PRECISIONS)} [as the model set says]."),
    click.option("--engine", help=f"{', '.join(ENGINE_NAMES)} [{DEFAULTS.engine}]."),
    click.option("--device", help="auto, cpu or gpu [auto: the cluster's GPUs, if it has any]."),
    click.option(
        "--group-timeout-s",
        type=float,
        help=f"A class group without answer is dead [{DEFAULTS.group_timeout_s:g}].",
    ),
    click.option(
        "--compat", help="totalsegmentator-2.18: its resampling, step, sums [the model set's]."
    ),
)


def with_options(main: Callable[..., Any]) -> Callable[..., Any]:
    """The command's function with all of `OPTIONS`, in their order."""
    for option in reversed(OPTIONS):
        main = option(main)
    return main
