"""How a stored table takes on columns that a later version of ctcohort brings.

Only a committer adds them, when it opens the tables; readers show NULL meanwhile. Adding is a line
in the Delta log and rewrites no file, so a table then has files with the new columns and files
without. DuckDB reads such a mixture only if it opens every file first (`union_by_name`), which a
bucket of 10^4 files would feel; hence a property of the table says how many columns every file
has, and only where that is fewer than there are is it read so. Compaction rewrites the old files
and raises the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.schema import Schema

from stats.tables.schema import TableName, check_columns

IN_EVERY_FILE: Final = "ctcohort.columnsInEveryFile"
"""Property of a table: how many of its first columns every file has. Not there: all of them."""

_COMPACTED_ID: Final = "ctcohort-columns-in-every-file"
"""Delta application whose number says the same after compaction: unlike a property it is no change
of metadata, which would refuse the run under way (deltalake 1.6.6: "Metadata changed")."""


def stored_schema(table: DeltaTable) -> pa.Schema:
    """The columns of a table as they are stored, the partition among them."""
    return pa.schema(table.schema().to_arrow())


def is_mixed(table: DeltaTable) -> bool:
    """Whether there may be files that lack a column of the table."""
    everywhere = table.metadata().configuration.get(IN_EVERY_FILE)
    if everywhere is None:
        return False
    compacted = table.transaction_version(_COMPACTED_ID) or 0
    return max(int(everywhere), compacted) < len(stored_schema(table))


def grow(table: DeltaTable, name: TableName) -> None:
    """Adds the columns that a stored table lacks.

    A committer whose handle was opened before is refused from then on (CommitConflict), as it is
    by any other committer.

    Raises:
        SetupError: the table is not of a version that this one can write to.
    """
    stored = stored_schema(table)
    missing = check_columns(name, stored)
    if not missing:
        return
    # The number first: killed in between, all is as before, and the number says nothing untrue.
    if not is_mixed(table):
        _set_in_every_file(table, len(stored))
    table.alter.add_columns(list(Schema.from_arrow(pa.schema(missing)).fields))


def say_all_files_have(table: DeltaTable, columns: pa.Schema) -> None:
    """After all files were rewritten with these columns; later ones may be there already."""
    said = Transaction(_COMPACTED_ID, len(columns))
    write_deltalake(
        table,
        stored_schema(table).empty_table(),
        mode="append",
        commit_properties=CommitProperties(app_transactions=[said]),
    )


def fitted(rows: pa.Table, stored: pa.Schema) -> pa.Table:
    """The rows with all columns of the stored table, NULL where this version knows none.

    So every file that is written has every column that the table had by then.
    """
    columns = [
        rows[field.name] if field.name in rows.schema.names else pa.nulls(rows.num_rows, field.type)
        for field in stored
    ]
    return pa.Table.from_arrays(columns, schema=stored)


def absent_columns(known: Sequence[str], present: Sequence[str]) -> set[str]:
    """Columns that no file has; a view shows NULL for them."""
    return set(known) - set(present)


def _set_in_every_file(table: DeltaTable, count: int) -> None:
    # the name is ours, which deltalake would refuse otherwise
    table.alter.set_table_properties({IN_EVERY_FILE: str(count)}, raise_if_not_exists=False)
