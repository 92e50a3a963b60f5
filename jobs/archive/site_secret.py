"""Where a site keeps its secret: the only module of `jobs` that looks at the environment for it."""

from __future__ import annotations

import os
from pathlib import Path


def site_secret_source() -> tuple[str | None, Path]:
    """Where this site keeps the secret that turns identifiers into keys.

    Returns:
        The secret itself if CTCOHORT_SITE_SECRET is set, and the file that holds it otherwise:
        CTCOHORT_SITE_SECRET_FILE, or ~/.config/ctcohort/site_secret.
    """
    file = os.environ.get("CTCOHORT_SITE_SECRET_FILE")
    default = Path.home() / ".config" / "ctcohort" / "site_secret"
    return os.environ.get("CTCOHORT_SITE_SECRET") or None, Path(file) if file else default
