"""The blocks of docs/start/guide.md run one after the other, as in a notebook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.question_cohort import (
    FAILED_QC,
    PEOPLE,
    THICK,
    TWICE,
    write_question_cohort,
)

GUIDE = Path(__file__).parents[2] / "docs" / "start" / "guide.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The variables after the last block."""
    folder = tmp_path_factory.mktemp("notebook")
    write_question_cohort(folder)
    variables: dict[str, Any] = {"__name__": "__main__"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in BLOCKS:
            exec(block, variables)  # noqa: S102  # our own document
        assert Path("muscle.png").stat().st_size > 0
        assert Path("wide.parquet").stat().st_size > 0
    return variables


def test_one_ct_a_patient_is_left(notebook: dict[str, Any]) -> None:
    assert notebook["liver"]["patient_key"].dropna().is_unique
    assert 0 < len(notebook["liver"]) <= PEOPLE
    assert notebook["versions"].set_index("pipeline_version")["counts"].to_dict() == {
        "v1": True, "v2": False
    }  # fmt: skip


def test_the_wide_table_has_every_ct_and_the_planted_trend_is_there(
    notebook: dict[str, Any],
) -> None:
    assert len(notebook["wide"]) == PEOPLE + TWICE + THICK - FAILED_QC
    assert notebook["r_s"] < -0.7


def test_every_second_patient_has_no_values_of_the_users(notebook: dict[str, Any]) -> None:
    assert len(notebook["missing"]) == PEOPLE // 2 - 1  # patient 141 has no key
    assert set(notebook["summary"].structure) == {name for (name,) in notebook["structures"]}
