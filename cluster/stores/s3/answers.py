"""What a bucket answers, read: a page of its listing, or why it refuses."""

from __future__ import annotations

import errno
import xml.etree.ElementTree as ET  # expat bounds the growth of entities since 2.4.1
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_plus

from botocore.awsrequest import AWSResponse

_OUTDATED: Final = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})
"""Credentials that ran out: said with status 400."""

_NOT_THERE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)
_NOT_ALLOWED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


Listed = tuple[str, int, str]
"""Key, size in bytes and ETag of an object."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing.

    Attributes:
        objects: in it.
        folders: of one level: what is common to the keys of each, ending in '/'.
        token: for the next page; None on the last.
    """

    objects: list[Listed]
    folders: list[str]
    token: str | None


def page_of(document: bytes) -> Page:
    """The page of a ListObjectsV2 with encoding-type url."""
    try:
        root = ET.fromstring(document)  # noqa: S314  # expat bounds what entities unpack to
    except ET.ParseError as error:
        raise OSError(errno.EPROTO, "its listing is no XML") from error
    space = root.tag.removesuffix("ListBucketResult")
    key, size, etag = f"{space}Key", f"{space}Size", f"{space}ETag"
    objects = []
    for each in root.iterfind(f"{space}Contents"):
        name, n_bytes = unquote_plus(each.findtext(key, "")), int(each.findtext(size, "0"))
        objects.append((name, n_bytes, each.findtext(etag, "")))
    folders = root.iterfind(f"{space}CommonPrefixes/{space}Prefix")
    more = root.findtext(f"{space}IsTruncated") == "true"
    token = root.findtext(f"{space}NextContinuationToken")
    names = [unquote_plus(each.text or "") for each in folders]
    return Page(objects, names, token if more else None)


def refusal_of(answer: AWSResponse) -> OSError:
    """Why the server refuses, from the document it sends with its status."""
    code, message = "", ""
    if answer.content:
        try:
            root = ET.fromstring(answer.content)  # noqa: S314  # likewise
        except ET.ParseError:  # a proxy on the way answers in HTML
            pass
        else:
            code, message = root.findtext("Code", ""), root.findtext("Message", "")
    return error_of(answer.status_code, code, message)


def error_of(status: int, code: str, message: str) -> OSError:
    """The error of the language that says the same.

    Args:
        status: of HTTP.
        code: of S3, '' if none.
        message: of the server, '' if none.
    """
    message = message or code or f"HTTP status {status}"
    if status in _NOT_THERE:
        return FileNotFoundError(errno.ENOENT, message)
    if status in _NOT_ALLOWED or code in _OUTDATED:
        return PermissionError(errno.EACCES, message)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return OSError(errno.EIO, message)
    return OSError(errno.EREMOTEIO, message)
