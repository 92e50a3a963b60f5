"""Who counts: CTs of one method, none that failed quality control, and one scan a person.

The companion of `stats.sql.what_counts`, which says what of a CT counts. All views, commands and
studies that draw conclusions take their CTs by these three rules:

    one method     the pipeline version that has looked at most series, measured or failed; of
                   several with as many the newest. So a new version counts from the night on which
                   it has seen all that the one before has, and two are never mixed. One that has
                   measured less than half as many as another does not count: it failed
    no failed CT   quality control says `fail` where the image is wrong (stats.quality.codes)
    one scan       of a person, for each structure the scan in which it is whole; of several the one
                   of the slice thickness nearest to the models' grid, then of a soft kernel, and
                   only then the one of the lower key, which is a hash and prefers nothing

A series without a patient's key is a person of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import duckdb

from segment_actor.errors import SetupError, first_few
from stats.tables.files import quoted

PAPER_SPACING_MM: Final = 1.5
"""The models' grid where a row does not say it: that of the paper, section 2.3."""

PERSON: Final = "coalesce(patient_key, series_key)"
"""SQL of the person whom a scan shows."""

VISIT: Final = "coalesce(study_key, patient_key || ':' || scan_day, series_key)"
"""SQL of the visit a scan was made at: by its study, else all of one patient on one day."""

BETTER_SCAN: Final = f"""
    abs(coalesce(slice_thickness_mm, spacing_k_mm) - coalesce(model_spacing_mm, {PAPER_SPACING_MM}))
        NULLS LAST,
    CASE kernel WHEN 'soft' THEN 0 WHEN 'sharp' THEN 2 ELSE 1 END,
    series_key"""
"""SQL that sorts scans by how good they are, whatever they show."""

BEST_SCAN_FIRST: Final = f"""
    volume_excluded_by IS NOT NULL, hu_excluded_by IS NOT NULL, {BETTER_SCAN}"""
"""SQL that sorts the scans of a person by how well they show one structure."""

SCAN_COLUMNS: Final = ("slice_thickness_mm", "spacing_k_mm", "model_spacing_mm", "kernel")
"""Columns of scans that `BETTER_SCAN` sorts by, beside the key."""

_VERSIONS: Final = """
    SELECT pipeline_version, count(DISTINCT series_key) FILTER (measured) AS series_measured,
           count(DISTINCT series_key) AS series_seen, max(commit_seq) AS last_commit
    FROM (SELECT pipeline_version, series_key, commit_seq, true AS measured FROM scans
          UNION ALL
          SELECT pipeline_version, series_key, commit_seq, false FROM failures)
    GROUP BY pipeline_version
"""


@dataclass(frozen=True, slots=True)
class WhoCounts:
    """What a user may decide otherwise.

    Attributes:
        pipeline_version: the method that counts; None for the rule above.
        keep_failed_qc: count what quality control failed too, CTs and structures.
    """

    pipeline_version: str | None = None
    keep_failed_qc: bool = False


BY_DEFAULT: Final = WhoCounts()


def version_that_counts(
    database: duckdb.DuckDBPyConnection, wanted: str | None, only: str | None
) -> str | None:
    """The one pipeline version that counts; None if nothing was measured.

    Args:
        database: with the views scans and failures.
        wanted: by the user.
        only: the only one of all scans, if that is known.

    Raises:
        SetupError: no scan was measured by the one that is wanted.
    """
    if only is not None and wanted in (None, only):
        return only
    sql = f"""SELECT pipeline_version FROM ({_VERSIONS}) WHERE series_measured > 0
              ORDER BY 2 * series_measured < max(series_measured) OVER (), series_seen DESC,
                       last_commit DESC"""  # noqa: S608 - our own words
    versions = [str(version) for (version,) in database.sql(sql).fetchall()]
    if wanted is None:
        return versions[0] if versions else None
    if wanted not in versions:
        raise SetupError(
            f"no CT was measured by pipeline version {wanted}; there are "
            f"{first_few(versions) if versions else 'none'}"
        )
    return wanted


def versions_view(version: str | None) -> str:
    """SQL of the view `versions`: one row a pipeline version, and whether it counts."""
    counts = "false" if version is None else f"pipeline_version = {quoted([version])}"
    return f"CREATE VIEW versions AS SELECT *, {counts} AS counts FROM ({_VERSIONS})"  # noqa: S608 - our own words


def latest_scans_view(of_version: str, who: WhoCounts) -> str:
    """SQL of the view `latest_scans`.

    Args:
        of_version: condition on the scans, "" for none.
        who: which of them count.
    """
    counts = "true" if who.keep_failed_qc else "qc IS DISTINCT FROM 'fail'"
    return f"""
        CREATE VIEW latest_scans AS
        SELECT *, {counts} AS counts,
               if(patient_key IS NULL, NULL,
                  scan_day - min(scan_day) OVER (PARTITION BY patient_key)) AS days_since_first_scan
        FROM scans{of_version}
    """  # noqa: S608 - our own words


ONE_SCAN_VIEWS: Final = tuple(
    f"""CREATE VIEW {name} AS
        FROM latest WHERE scan_counts
        QUALIFY row_number() OVER (PARTITION BY structure, {of} ORDER BY {BEST_SCAN_FIRST}) = 1
    """
    for name, of in (("one_scan_a_patient", PERSON), ("one_scan_a_study", VISIT))
)
"""SQL of one_scan_a_patient and one_scan_a_study, over `latest`."""

STUDIES_VIEW: Final = f"""
    CREATE VIEW studies AS
    SELECT {VISIT} AS visit, any_value(study_key) AS study_key,
           any_value(patient_key) AS patient_key, max(age_years) AS age_years,
           any_value(sex) AS sex, min(days_since_first_scan) AS days_since_first_scan,
           count(*) AS series, count(*) FILTER (qc = 'fail') AS series_failed_qc,
           min(slice_thickness_mm) AS thinnest_slice_mm
    FROM latest_scans GROUP BY visit
"""  # noqa: S608 - our own words
"""SQL of studies: one row a visit, with what its series have in common."""


def in_words(database: duckdb.DuckDBPyConnection) -> list[str]:
    """Sentences on the CTs that do not count; none if all do.

    Args:
        database: of `stats.query.connect`.
    """
    sentences = []
    ((version, n),) = database.sql(
        """SELECT any_value(pipeline_version) FILTER (counts), count(*)
           FROM versions WHERE series_measured > 0"""
    ).fetchall()
    ((others,),) = database.sql(
        "SELECT count(DISTINCT series_key) FROM scans ANTI JOIN latest_scans USING (series_key)"
    ).fetchall()
    if others:
        sentences.append(
            f"{n} methods have measured CTs of these tables. Pipeline version {version} counts; "
            f"{others:,} CTs were measured by others alone and do not (--pipeline-version; view "
            "versions)."
        )
    ((failed,),) = database.sql("SELECT count(*) FROM latest_scans WHERE NOT counts").fetchall()
    if failed:
        sentences.append(
            f"{failed:,} CTs failed quality control and do not count (--keep-failed-qc; view "
            "qc_findings)."
        )
    return sentences
