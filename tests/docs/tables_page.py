"""Writes docs/reference/tables.md from the schemas: `make docs`."""

from __future__ import annotations

import sys

from stats.tables.schema import SCHEMAS

INTRODUCTION = """# The tables

Delta tables (Parquet files and a log) under the folder or prefix given as `--tables`, each
partitioned by `run_date`. Not measured is NULL, never 0. A patient or a CT is known by a keyed hash
only; the index, which stays with the hospital, says which file a key is.

`ctcohort query` and `stats.query.connect` show them as views of the same names, and besides:

- `measurements`: `structures` with age, sex and scanner of the scan, category and side of the
  structure, and `whole_ml` and `usable_hu`: the volume and the mean HU where they count, else NULL
  with the reason in `volume_excluded_by` and `hu_excluded_by` (absent, below_cutoff, truncated)
- `latest`: `measurements`, of each CT only the pipeline version that measured it last
- `counted_structures` and `latest_structures`: these two without the columns of scans, for
  questions to 10^8 rows
- `latest_scans`: `scans`, of each CT only the pipeline version that measured it last
- `qc_passed`: `latest`, of volumes that count (`whole_ml`) and have no finding of
  quality control, in CTs that did not fail it
- `wide` and `wide_hu`: one row a CT of `latest_scans`, and a column a structure: `liver_ml` is
  its `whole_ml`, `liver_hu` its `usable_hu`
- `anatomy`: what is known of each structure (category, side, SNOMED code, lower cut-off)
- `qc_findings`: one row a finding of quality control, in words; `qc_codes`: all that it can find
  ([quality](quality.md))
- `dictionary`: this page, as a table

A table may lack columns that came with a later version; they are NULL in its views until the
next run adds them. Columns of a newer version are kept and not shown.

Other readers (Spark, Trino, pandas, any that knows Delta or Parquet) see the same rows; they should
leave out rows whose `commit_seq` is higher than the last of `scans`, which a run that was cut off
may have left. A fifth folder, `wide`, is derived: `ctcohort table compact` keeps there what the
views `wide` and `wide_hu` would else compute each time, and it may be deleted at will.

Worked questions: [questions.md](../how-to/questions.md); from a notebook:
[guide.md](../start/guide.md).
"""


def tables_page() -> str:
    """The page as Markdown."""
    parts = [INTRODUCTION]
    for name, schema in SCHEMAS.items():
        parts.append(f"## {name}\n\n| column | type | unit | meaning |\n|---|---|---|---|")
        for field in schema:
            said = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
            cells = (f"`{field.name}`", str(field.type), said.get("unit", ""), said["description"])
            parts.append("| " + " | ".join(cells) + " |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(tables_page())
