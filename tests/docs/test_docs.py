"""What the documents say is what the code does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from jobs.__main__ import COMMANDS
from segment_actor.person import SEX_WORDS, UNKNOWN_WORDS
from segment_actor.segment import segment_image
from stats.measure import measure
from stats.query import ask, connect
from tests.docs.options_page import options_page
from tests.docs.tables_page import tables_page

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
ROOM_PAGES = sorted(
    page
    for package in ("cluster", "jobs", "segment_actor", "stats")
    for page in (REPOSITORY / package).rglob("README.md")
)
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "SECURITY.md",
    *ROOM_PAGES,
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]


def test_the_page_of_the_tables_is_that_of_the_schemas() -> None:
    assert (REPOSITORY / "docs" / "reference" / "tables.md").read_text(
        encoding="utf-8"
    ) == tables_page()


def test_the_page_of_the_options_is_that_of_the_command_line() -> None:
    page = REPOSITORY / "docs" / "reference" / "options.md"
    assert page.read_text(encoding="utf-8") == options_page()


def test_the_page_of_the_public_names_has_their_signatures() -> None:
    page = (REPOSITORY / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    for public in (segment_image, connect, ask, measure):
        name = f"{public.__module__}.{public.__name__}"
        found = re.search(rf"^    {re.escape(name)}\((.*?)^    \) -> (.+?)$", page, re.M | re.S)
        assert found, name
        said = [line.strip().rstrip(",") for line in found[1].strip().splitlines()]
        signature = inspect.signature(public)
        assert [line for line in said if line != "*"] == [
            str(p).removeprefix("*") for p in signature.parameters.values()
        ]
        assert found[2] == signature.return_annotation


def test_every_page_is_in_the_readme() -> None:
    pages = [str(p.relative_to(REPOSITORY)) for p in (REPOSITORY / "docs").rglob("*.md")]
    assert [page for page in pages if page not in README] == []


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
    page = (REPOSITORY / "docs" / "reference" / "aging.md").read_text(encoding="utf-8")
    unknown = [word for word in UNKNOWN_WORDS if word]
    for meaning, words in (*SEX_WORDS.items(), ("not known", unknown)):
        row = next(line for line in page.splitlines() if line.startswith(f"| {meaning} | "))
        assert re.findall("`([^`]+)`", row) == list(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not (page.parent / t).exists()] == []
