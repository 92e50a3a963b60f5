"""`ctcohort segment`: measure every CT of an archive that the tables do not hold yet.

    index - done -> pipeline -> commits

Everything that can be wrong with the set-up is found before Ray starts.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections import Counter
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click
from ray.exceptions import RayError

from cluster.pools import Node, plan_pools
from cluster.session import Watch, connect
from cluster.stores.dicom_sink import open_sink
from cluster.stores.opening import open_store
from cluster.stores.private_folder import PrivateFolder
from jobs.archive.grouping.series import Series, wanted
from jobs.archive.index import Index
from jobs.archive.refresh import refreshed_index
from jobs.segment_run.config import SegmentConfig, segment_config
from jobs.segment_run.driver.arrivals import arrivals
from jobs.segment_run.driver.committer import Committer
from jobs.segment_run.driver.progress import Progress
from jobs.segment_run.driver.rows import Method
from jobs.segment_run.driver.stopping import StopRequest, stop_on_sigterm
from jobs.segment_run.flags import with_options
from jobs.segment_run.lane.actor import LaneSettings
from jobs.segment_run.lane.dicom import DicomSettings
from jobs.segment_run.load import LoadSettings
from jobs.segment_run.outcome import Outcome
from jobs.segment_run.pipeline import outcomes
from jobs.segment_run.version import code_version, library_versions, pipeline_version
from jobs.shared.code import CODE
from jobs.shared.command import DONE, SOME_FAILED, Command
from jobs.shared.models import execution_of
from jobs.shared.ray_errors import cause_of
from segment_actor.errors import SetupError
from segment_actor.execution import AUTO, Execution, kinds_of
from segment_actor.models.folder import folder_digest
from segment_actor.models.set import ModelSet, load_model_set, model_set_digest
from stats.tables.commit import CohortTables, DoneSeries, Row, Stamp

log = logging.getLogger(__name__)

LOCATIONS = ("archive", "dicom_out", "index", "tables", "labels", "demographics", "address")
"""Settings that are not written into `runs`: paths and hosts of the site."""


def run(config: SegmentConfig) -> int:
    """The whole job.

    Returns:
        0 if every series of this run was measured, 1 if some failed or were not reached.

    Raises:
        SetupError: it cannot run, or cannot go on.
    """
    models = load_model_set(config.model_set, config.compat)
    execution = execution_of(models, config.precision, config.engine, config.device)
    if models.warning:
        log.warning("model set %s: %s", models.name, models.warning)
    index = _index(config)
    series = wanted(index.series(), config.series)
    tables = CohortTables(config.tables)
    version = pipeline_version(models, execution)
    done = tables.done(version)
    todo = [
        s
        for s in series
        if not done.has(s.series_key, s.input_version, retry_failed=config.retry_failed)
    ]
    n_done = len(series) - len(todo)
    log.info("%d series, %d done before, %d to do", len(series), n_done, len(todo))
    _warn_of_done(series, done, n_done)
    if not series:
        log.warning(
            "Nothing to measure: the index has no CT that --series %s takes.", config.series
        )
    if not todo:
        return DONE
    now = datetime.now(UTC)
    stamp = Stamp(f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}", f"{now:%Y-%m-%d}", version)
    every = (config.commit_every_cts, config.commit_every_s)
    spacing_mm = min(min(grid.spacing_mm) for grid in models.grids)
    method = Method(models.name, models.schema, models.way.resampling, spacing_mm)
    committer = Committer(tables, stamp, method, todo, every)
    return _work(Run(config, models, execution, index, todo), committer)


def _warn_of_done(series: list[Series], done: DoneSeries, n_done: int) -> None:
    """Says which series are passed over although the tables may not hold what is hoped for."""
    if n_failed := n_done - sum(s.series_key in done.scans for s in series):
        log.warning(
            "%d of those done before had failed, and their files are the same since; "
            "--retry-failed takes them up again.", n_failed,
        )  # fmt: skip
    others = Counter(s.kind for s in series if done.changed(s.series_key, s.input_version))
    if n_others := others.pop("nifti", 0):
        log.warning(
            "%d NIfTI files are not measured: the tables hold another file of the same path, as it "
            "was before or of another archive. Give each archive tables of its own.", n_others,
        )  # fmt: skip
    if others:
        log.warning(
            "%d series have other files now than when they were measured, and their rows stay as "
            "they are: slices may have come later. Measure into new tables to take them up.",
            others.total(),
        )


@dataclass(frozen=True)
class Run:
    """What is settled before Ray starts."""

    config: SegmentConfig
    models: ModelSet
    execution: Execution
    index: Index
    todo: list[Series]


def _index(config: SegmentConfig) -> Index:
    if config.archive is not None:
        return refreshed_index(
            config.archive,
            config.index,
            config.demographics,
            config.address,
            allow_open_cluster=config.allow_open_cluster,
        )
    assert config.index is not None
    index = Index(PrivateFolder(config.index))
    open_store(index.archive)  # only to find out now that it answers
    return index


def _work(run: Run, committer: Committer) -> int:
    provenance = _provenance(run.config, run.models, run.execution)
    committer.write_run("running", provenance)
    progress = Progress(len(run.todo))
    try:
        _segment(run, committer, progress)
    except (SetupError, KeyboardInterrupt, SystemExit):  # the last is Ray's answer to SIGTERM
        with suppress(SetupError):  # what stopped the run may be the tables themselves
            committer.write_run("failed", provenance)
        raise
    lost = committer.lost()
    committer.write_run("failed" if lost else "finished", provenance)
    if lost:
        log.warning("%d series were not reached; the next run takes them up.", lost)
    for sentence, count in committer.no_dicom.most_common():
        log.warning("%d CTs were measured and have no results in DICOM: %s", count, sentence)
    log.info("%d measured, %d failed: %s", committer.measured, committer.failed, run.config.tables)
    return SOME_FAILED if lost or committer.failed else DONE


def _segment(run: Run, committer: Committer, progress: Progress) -> None:
    config, models, execution, todo = run.config, run.models, run.execution, run.todo
    tries = config.max_attempts
    load = LoadSettings(
        run.index.archive,
        models.whole_grids,
        models.way,
        tries,
        ages_above_90=config.ages_above_90,
    )
    dicom = _dicom(run, committer.stamp.pipeline_version)
    lane = LaneSettings(
        config.model_set,
        config.compat,
        replace(execution, engine=config.engine),
        model_set_digest(models, execution),
        tries,
        labels=config.labels,
        dicom=dicom,
        group_timeout_s=config.group_timeout_s,
    )
    try:
        session = connect(config.address, CODE, allow_open_cluster=config.allow_open_cluster)
        with session as nodes, stop_on_sigterm() as stop:
            plan = plan_pools(
                _with_device(nodes, config),
                len(models.groups),
                largest_ct_bytes=max(s.bytes for s in todo),
                lanes=config.lanes,
                # one more CT may be on its way up while the next are measured and segmented
                calls_per_lane=config.calls_per_lane + bool(config.labels or config.dicom_out),
            )
            log.info(
                "%d lane(s) of %d groups, %d node(s)", plan.lanes, len(models.groups), len(nodes)
            )
            # the nodes decide what runs there: the driver's node may have another GPU, or none
            device = "gpu" if plan.gpus_per_lane else "cpu"
            lane = replace(lane, execution=replace(lane.execution, device=device))
            _collect(outcomes(run.index, todo, load, lane, plan), committer, progress, stop)
    except RayError as error:
        raise SetupError(f"Ray ended the run: {cause_of(error)}") from error


def _dicom(run: Run, version: str) -> DicomSettings | None:
    """Which results are made in DICOM; where they go must answer before any work is done."""
    config = run.config
    if config.dicom_out is None:
        return None
    open_sink(config.dicom_out)
    if n_nifti := sum(one.kind == "nifti" for one in run.todo):
        log.info("CTs that are NIfTI files, of which there are no results in DICOM: %d", n_nifti)
    return DicomSettings(
        archive=run.index.archive,
        sink=config.dicom_out,
        wanted=tuple(config.dicom.split(",")),
        seg_type=config.seg_type,
        identity=config.dicom_identity,
        pipeline_version=version,
        software=code_version(),
    )


def _with_device(nodes: tuple[Node, ...], config: SegmentConfig) -> tuple[Node, ...]:
    """The nodes with their GPUs, or without them if the run shall not use any."""
    if config.device == "gpu" and not any(node.gpus for node in nodes):
        raise SetupError("--device gpu was asked for, but the Ray cluster has no GPU.")
    only_cpu = config.device == AUTO and "gpu" not in kinds_of(config.engine)
    if config.device == "cpu" or only_cpu:
        return tuple(replace(node, gpus=0) for node in nodes)
    return nodes


def _collect(
    stream: Generator[Outcome], committer: Committer, progress: Progress, stop: StopRequest
) -> None:
    """Until the stream ends, the job is asked to stop, Ray is gone, or nothing can go on.

    Whatever is complete is committed in each case.
    """
    watch = Watch()
    with closing(arrivals(stream)) as coming:  # left to an error's traceback, it outlives Ray
        try:
            for outcome in coming:
                if outcome is None and (gone := watch.gone()):
                    log.warning("Ray's %s is gone; was it killed for want of memory?", gone)
                    return
                if outcome is not None:
                    _take(outcome, committer, progress)
                committer.commit_if_due()
                progress.tick()
                if stop.asked:
                    log.warning("asked to stop: committing what is complete")
                    return
        finally:
            progress.close()
            committer.commit()


def _take(outcome: Outcome, committer: Committer, progress: Progress) -> None:
    if outcome.stop:
        raise SetupError(outcome.stop)
    committer.add(outcome)
    progress.add(failed=outcome.failure is not None)


def _provenance(config: SegmentConfig, models: ModelSet, execution: Execution) -> Row:
    digests = {group.name: folder_digest(group.folder) for group in models.groups}
    settings = {k: v for k, v in asdict(config).items() if k not in LOCATIONS}
    # what the model set says of itself, for readers who do not have it
    settings |= {
        "model_set": models.name,  # not the path of its file
        "precision": execution.precision,
        "warning": models.warning,
    }
    return {
        "model_digests": json.dumps(digests),
        "code_version": code_version(),
        "package_versions": json.dumps(library_versions()),
        "settings_json": json.dumps(settings),
    }


@click.command(cls=Command, name="segment")
@with_options
def main(config: Path | None, **flags: object) -> int:
    """Measure every CT of an archive that the tables do not hold yet.

    Exit code 0: nothing failed in this run. 1: some failed (table failures) or were not reached. 2:
    could not run. What failed before and is the same since is not tried again without
    --retry-failed. The keys of the TOML file are the flags' names with _ for -.
    """
    return run(segment_config(config, flags))


if __name__ == "__main__":
    main()
