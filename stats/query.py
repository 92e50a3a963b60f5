"""Questions to the cohort's tables in SQL, without any server.

    from stats.query import connect
    database = connect("s3://tables/ct")
    database.sql("SELECT sex, avg(volume_ml) FROM latest WHERE structure = 'liver' GROUP BY 1").df()

A DuckDB connection in memory over the current files of the Delta tables. Views:

    scans, structures, failures, runs   the tables (stats.tables.schema says what each column means)
    measurements   structures, with age, sex and scanner of the scan, kind of the structure, and
                   whole_ml and usable_hu: the volume and the HU that count (stats.sql.what_counts),
                   else NULL, and why in volume_excluded_by and hu_excluded_by
    latest         measurements of the pipeline version that counts (stats.sql.who_counts)
    latest_scans   scans of the pipeline version that counts
    one_scan_a_patient, one_scan_a_study   latest without CTs that failed quality control; of each
                   structure the one scan of a patient, or of a visit, that shows it best
    studies        one row a visit: how many series, and how many days after the first
    versions       the pipeline versions, how many series each has seen, and which one counts
    qc_passed      latest, of volumes that count and have no finding of quality control, in scans
                   that did not fail it
    wide, wide_hu  one row a scan of latest_scans that did not fail quality control, and a column a
                   structure: <structure>_ml, <structure>_hu
    anatomy        what is known of each structure of each label schema
    dictionary     what each column means, and its unit
    counted_structures, latest_structures   measurements and latest without what stands in scans, as
                   a join with 10^8 rows is felt
    qc_findings    one row a finding of quality control: CT, structure, and what it means
    qc_codes       what quality control can find
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from segment_actor.errors import SetupError
from stats.quality.codes import codes_table
from stats.sql.catalogue import anatomy, dictionary
from stats.sql.views import joined_views, only_version, table_source, table_view, wide_views
from stats.sql.who_counts import BY_DEFAULT, WhoCounts, version_that_counts, versions_view
from stats.sql.wide import NOTHING, stored_wide, structure_names
from stats.tables.commit import APP_ID
from stats.tables.files import columns_of, quoted, stored_files
from stats.tables.growth import is_mixed, stored_schema
from stats.tables.opening import open_table, read_from_store
from stats.tables.schema import SCHEMAS
from stats.tables.storage import StorageOptions, clear_sentences, storage_options, table_uri

_READERS: Final = {".csv": "read_csv", ".tsv": "read_csv", ".parquet": "read_parquet"}


def connect(
    tables: str, options: StorageOptions | None = None, *, who: WhoCounts = BY_DEFAULT
) -> duckdb.DuckDBPyConnection:
    """A connection that sees the tables as they are now; connect again to see later commits.

    Args:
        tables: the folder or s3:// prefix that `ctcohort segment --tables` was given.
        options: AWS_* options for s3://; by default those of the environment.
        who: which CTs count.

    Raises:
        SetupError: there are no tables, they cannot be read, another version of ctcohort made them,
            or no CT was measured by the pipeline version that is to count.
    """
    settings = storage_options(tables, options)
    with clear_sentences(tables):
        # Scans first: a number that scans knows is complete in the tables that are opened later.
        opened = {name: open_table(tables, name, settings) for name in SCHEMAS}
        scans = opened["scans"]
        committed = (scans.transaction_version(APP_ID) if scans else None) or 0
        files = {name: stored_files(table) for name, table in opened.items()}
        names = structure_names(files["structures"])
        stored = NOTHING if who.keep_failed_qc else stored_wide(tables, names, settings, committed)
    database = duckdb.connect(config={"autoinstall_known_extensions": False})
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET parquet_metadata_cache = true")  # the files never change
    read_from_store(database, tables, settings)
    for name, table in opened.items():
        source, present = "", set[str]()
        if table is not None and files[name]:
            mixed = is_mixed(table)
            source = table_source(files[name], table_uri(tables, name), mixed=mixed)
            present = columns_of(database, source) if mixed else {*stored_schema(table).names}
        database.execute(table_view(name, source, files[name], present, committed))
    database.register("anatomy", anatomy())
    database.register("dictionary", dictionary())
    database.register("qc_codes", codes_table())
    only = only_version(files["scans"])
    version = version_that_counts(database, who.pipeline_version, only)
    database.execute(versions_view(version))
    one = None if only else version
    wide = wide_views(names, stored, files["scans"], one, who)
    for view in (*joined_views(one, who), *wide):
        database.execute(view)
    return database


def add_file(database: duckdb.DuckDBPyConnection, name: str, file: Path) -> None:
    """A view of a file of the user's own, to join with.

    Args:
        database: of `connect`.
        name: of the view.
        file: CSV, TSV or Parquet.

    Raises:
        SetupError: it cannot be read, or there is such a view already.
    """
    reads = _READERS.get(file.suffix.lower())
    if reads is None or not name.isidentifier():
        raise SetupError(f"{name}={file}: give NAME=FILE, a .csv, .tsv or .parquet")
    try:
        database.execute(f"CREATE VIEW {name} AS FROM {reads}({quoted([str(file.absolute())])})")
    except duckdb.Error as error:
        raise SetupError(f"{file} cannot be read: {_one_line(error)}") from error


def confine(database: duckdb.DuckDBPyConnection, tables: str, files: Mapping[str, Path]) -> None:
    """From now on the connection reads the tables and these files, and nothing else on the machine.

    DuckDB's SQL can read any file its process can read; a question of somebody else must not.
    """
    places = [f"{table_uri(tables, name)}/" for name in (*SCHEMAS, "wide")]
    database.execute(f"SET allowed_directories = [{quoted(places)}]")
    if files:
        paths = [str(file.absolute()) for file in files.values()]
        database.execute(f"SET allowed_paths = [{quoted(paths)}]")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")


def ask(database: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """The answer to one question that only reads.

    Raises:
        SetupError: the SQL does not parse, names what is not there, does more than read, or the
            tables' files cannot be read.
    """
    try:
        statements = database.extract_statements(sql)
        if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
            raise SetupError(
                "one question at a time, beginning with SELECT, WITH, DESCRIBE or SHOW"
            )
        return database.sql(sql).to_arrow_table()
    except duckdb.PermissionException as error:
        raise SetupError(
            "a question reads the tables and the files given with --file, and nothing else"
        ) from error
    except (duckdb.Error, OSError) as error:
        raise SetupError(f"the question could not be answered: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    """DuckDB's message without its drawing of the line and the caret."""
    message = str(error).split("\n\nLINE ", 1)[0]
    return " ".join(message.split())
