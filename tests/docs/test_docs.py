"""What the documents say is what the code does."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator
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
ROOMS = ("cluster", "docs", "infra", "jobs", "segment_actor", "stats", "tests")
SOURCES = [
    REPOSITORY / "Makefile",
    REPOSITORY / "pyproject.toml",
    *PAGES,
    *(
        file
        for room in ROOMS
        for file in (REPOSITORY / room).rglob("*")
        if file.suffix in {".html", ".py", ".sh", ".toml", ".yaml"}
    ),
]
OF_OURS = re.compile(rf"(?<![\w./-])(?:{'|'.join(ROOMS)})/[\w./-]+\.(?:csv|md|py|sh|toml|yaml)\b")
OF_OTHERS = {"tests/tests.sh"}
"""Files of TotalSegmentator whose path looks like one of ours."""


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
        assert said == list(_parameters(signature))
        assert found[2] == signature.return_annotation


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    star = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            star = True
            yield "*"
        yield str(parameter)


def test_the_version_is_the_same_wherever_it_stands() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\d\S*) - (\S+)$", changes, flags=re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["version"]
    assert f'\nversion: {newest[1]}\ndate-released: "{newest[2]}"\n' in citation
    assert f"Version {project['version']}," in README


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
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text)
    missing = [
        (path, anchor)
        for path, anchor in links
        if not (page.parent / path).exists()
        or (anchor and anchor not in _anchors(page.parent / path if path else page))
    ]
    assert missing == []


def _anchors(page: Path) -> set[str]:
    """Of each heading, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_file_of_ours_that_a_text_names_is_there() -> None:
    named = {
        (str(source.relative_to(REPOSITORY)), name)
        for source in SOURCES
        for name in OF_OURS.findall(source.read_text(encoding="utf-8"))
    }
    assert [
        n for n in sorted(named) if not (REPOSITORY / n[1]).exists() | (n[1] in OF_OTHERS)
    ] == []
