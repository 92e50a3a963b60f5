"""The tables explain themselves."""

from __future__ import annotations

import pyarrow as pa
import pytest

from segment_actor.errors import SetupError
from stats.tables.schema import PARTITION, SCHEMAS, TableName, check_columns

EVERY_TABLE = pytest.mark.parametrize("name", list(SCHEMAS))
UNIT_OF_SUFFIX = {"_mm": "mm", "_ml": "ml", "_years": "years", "_s": "s", "_fraction": "fraction"}


def _metadata(field: pa.Field, key: str) -> str:
    return str((field.metadata or {}).get(key.encode(), b"").decode())


@EVERY_TABLE
def test_every_column_says_what_it_means(name: TableName) -> None:
    for field in SCHEMAS[name]:
        assert _metadata(field, "description").endswith("."), field.name


@EVERY_TABLE
def test_a_column_with_a_unit_in_its_name_has_that_unit(name: TableName) -> None:
    for field in SCHEMAS[name]:
        for suffix, unit in UNIT_OF_SUFFIX.items():
            if field.name.endswith(suffix):
                assert _metadata(field, "unit") == unit, field.name


@EVERY_TABLE
def test_hounsfield_columns_are_in_hu(name: TableName) -> None:
    columns = [field for field in SCHEMAS[name] if field.name.startswith("hu_")]
    assert all(_metadata(field, "unit") == "HU" for field in columns)


@EVERY_TABLE
def test_every_row_can_be_traced_to_run_commit_and_method(name: TableName) -> None:
    provenance = {"pipeline_version", "run_id", PARTITION, "commit_seq"}
    assert provenance <= set(SCHEMAS[name].names)
    assert not any(SCHEMAS[name].field(column).nullable for column in provenance)


def test_measurements_can_be_null_because_not_measured_is_not_zero() -> None:
    structures = SCHEMAS["structures"]
    measured = ["volume_ml", "hu_mean", "hu_median", "touches_border", "components"]
    assert all(structures.field(column).nullable for column in measured)


@EVERY_TABLE
def test_no_column_holds_what_identifies_a_patient(name: TableName) -> None:
    forbidden = ("patient_name", "patient_id", "birth", "path", "uid")
    assert not [c for c in SCHEMAS[name].names if any(word in c for word in forbidden)]


@EVERY_TABLE
def test_a_table_of_this_version_lacks_nothing(name: TableName) -> None:
    assert check_columns(name, SCHEMAS[name]) == []


def test_a_column_that_may_be_null_can_be_missing_and_a_required_one_cannot() -> None:
    scans = SCHEMAS["scans"]
    without_qc = scans.remove(scans.get_field_index("qc"))
    assert [field.name for field in check_columns("scans", without_qc)] == ["qc"]
    with pytest.raises(SetupError, match=r"scans .* lacks series_key.* new --tables"):
        check_columns("scans", scans.remove(scans.get_field_index("series_key")))


def test_an_unknown_column_is_taken_if_it_may_be_null() -> None:
    scans = SCHEMAS["scans"]
    assert check_columns("scans", scans.append(pa.field("mood", pa.string()))) == []
    with pytest.raises(SetupError, match="has mood, unknown here"):
        check_columns("scans", scans.append(pa.field("mood", pa.string(), nullable=False)))


def test_a_column_of_another_type_is_refused() -> None:
    scans = SCHEMAS["scans"]
    as_text = scans.set(scans.get_field_index("kvp"), pa.field("kvp", pa.string()))
    with pytest.raises(SetupError, match="has kvp as string instead of double"):
        check_columns("scans", as_text)
