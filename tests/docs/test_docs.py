"""What the documents say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs.__main__ import COMMANDS
from segment_actor.person import SEX_WORDS, UNKNOWN_WORDS
from tests.docs.tables_page import tables_page

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def test_the_page_of_the_tables_is_that_of_the_schemas() -> None:
    assert (REPOSITORY / "docs" / "tables.md").read_text(encoding="utf-8") == tables_page()


def test_the_readme_names_every_command_and_no_other() -> None:
    assert set(re.findall(r"^\| `ctcohort ([\w-]+)", README, flags=re.MULTILINE)) == set(COMMANDS)


def test_the_readmes_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert f"make {target}" in README
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_the_readme_says_that_the_embedded_models_are_not_for_patients() -> None:
    assert "Never use them for patients" in README


def test_the_page_of_the_aging_study_has_every_word_for_a_sex_and_no_other() -> None:
    page = (REPOSITORY / "docs" / "aging.md").read_text(encoding="utf-8")
    unknown = [word for word in UNKNOWN_WORDS if word]
    for meaning, words in (*SEX_WORDS.items(), ("not known", unknown)):
        row = next(line for line in page.splitlines() if line.startswith(f"| {meaning} | "))
        assert re.findall("`([^`]+)`", row) == list(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not (page.parent / t).exists()] == []
