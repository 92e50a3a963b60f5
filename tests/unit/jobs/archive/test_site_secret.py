"""Where a site's secret is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.archive.site_secret import site_secret_source


def test_the_environment_names_the_secret_or_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CTCOHORT_SITE_SECRET", raising=False)
    monkeypatch.setenv("CTCOHORT_SITE_SECRET_FILE", "/etc/site_secret")
    assert site_secret_source() == (None, Path("/etc/site_secret"))
    monkeypatch.setenv("CTCOHORT_SITE_SECRET", "0123456789abcdef")
    assert site_secret_source()[0] == "0123456789abcdef"


def test_a_site_that_says_nothing_has_a_file_of_its_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("CTCOHORT_SITE_SECRET", "CTCOHORT_SITE_SECRET_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert site_secret_source() == (None, tmp_path / ".config" / "ctcohort" / "site_secret")
