"""Small tables that explain the large ones: anatomy and dictionary."""

from __future__ import annotations

from typing import Final, cast

import pyarrow as pa

from segment_actor.anatomy import load_schema, schema_names, v1_view
from stats.tables.schema import SCHEMAS

LABEL_SCHEMAS: Final = schema_names()


def anatomy() -> pa.Table:
    """One row a structure of each schema. v1_name: what v1 calls it, NULL if v1 has it not."""
    of_v2 = {v2: v1 for v1, v2 in v1_view().items() if v2}
    rows = [
        {
            "label_schema": schema,
            "structure": s.name,
            "id": s.id,
            "category": cast("str", s.category),
            "side": s.side,
            "sequence": s.sequence,
            "snomed": s.snomed,
            "lower_volume_ml": s.lower_volume_ml,
            "v1_name": of_v2.get(s.name) if schema == "total_v2" else s.name,
        }
        for schema in LABEL_SCHEMAS
        for s in load_schema(schema).structures
    ]
    return pa.Table.from_pylist(rows)


def dictionary() -> pa.Table:
    """One row a column of the tables."""
    rows = [
        {
            "table_name": table,
            "column_name": field.name,
            "unit": field.metadata.get(b"unit", b"").decode() or None,
            "description": field.metadata[b"description"].decode(),
        }
        for table, schema in SCHEMAS.items()
        for field in schema
    ]
    return pa.Table.from_pylist(rows)
