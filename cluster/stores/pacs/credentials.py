"""Who we are to a PACS: from the environment alone, read anew for each request.

So a token that another program renews in its file is the one that is sent.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Final

from requests import PreparedRequest
from requests.auth import AuthBase

from segment_actor.errors import SetupError

USER: Final = "CTCOHORT_DICOMWEB_USER"
PASSWORD: Final = "CTCOHORT_DICOMWEB_PASSWORD"  # noqa: S105  # the name of a variable
TOKEN: Final = "CTCOHORT_DICOMWEB_TOKEN"  # noqa: S105  # likewise


class Credentials(AuthBase):
    """Signs a request; `requests` takes the signature off where another host redirects to."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Adds what the environment says; nothing if it is silent."""
        if authorization := _authorization():
            request.headers["Authorization"] = authorization
        return request


def _authorization() -> str | None:
    if token := _secret(TOKEN):
        return f"Bearer {token}"
    user = os.environ.get(USER)
    if not user:
        return None
    password = _secret(PASSWORD)
    if password is None:
        raise SetupError(f"{USER} is set: set {PASSWORD} or {PASSWORD}_FILE too.")
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"  # RFC 7617, UTF-8


def _secret(name: str) -> str | None:
    """A variable, or the file that NAME_FILE names, without the line end."""
    file = os.environ.get(f"{name}_FILE")
    if name in os.environ or not file:
        return os.environ.get(name)
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"The file that {name}_FILE names cannot be read.") from error
