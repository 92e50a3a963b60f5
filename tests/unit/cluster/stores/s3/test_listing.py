"""A listing shared out to threads gives what a listing page by page gives."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.stores.s3.answers import Page
from cluster.stores.s3.archive import S3Archive
from cluster.stores.s3.bucket import Bucket
from cluster.stores.s3.listing import ASKED_AT_A_TIME, objects_below
from segment_actor.errors import SetupError


def by_bytes(key: str) -> bytes:
    """S3's own order."""
    return key.encode()


def by_folders(key: str) -> list[bytes]:
    """SeaweedFS's order: what is in a folder comes before what only begins with its name."""
    return [part.encode() for part in key.split("/")]


@dataclass(frozen=True)
class BucketInMemory(Bucket):
    """A bucket that answers from a list of keys, as ListObjectsV2 is specified."""

    keys: frozenset[str] = frozenset()
    order: Callable[[str], Any] = by_bytes
    page_keys: int = 1000
    asked: list[str] = field(default_factory=list)

    def page(
        self,
        prefix: str,
        *,
        delimiter: str = "",
        after: str = "",
        token: str | None = None,
        most: int = 1000,
    ) -> Page:
        self.asked.append(prefix)
        start = token or after
        found: list[tuple[str, str]] = []  # an object or a folder, and the last key it stands for
        for key in sorted(self.keys, key=self.order):
            if not key.startswith(prefix) or (start and self.order(key) <= self.order(start)):
                continue
            end = key.find("/", len(prefix)) + 1 if delimiter else 0
            entry = key[:end] or key
            if found and found[-1][0] == entry:
                found.pop()
            found.append((entry, key))
        page = found[: min(most, self.page_keys)]
        return Page(
            [(key, len(key), "etag") for entry, key in page if entry == key],
            [entry for entry, key in page if entry != key],
            page[-1][1] if len(page) < len(found) else None,
        )


names = st.text("ab-./é0", min_size=0, max_size=3)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
keys = st.frozensets(paths.filter(lambda key: key and not key.endswith("/")), max_size=60)


@given(keys, st.sampled_from([by_bytes, by_folders]), st.integers(1, 9), names)
def test_each_object_comes_once_whatever_its_key_and_the_order_of_the_server(
    keys: frozenset[str], order: Callable[[str], Any], page_keys: int, prefix: str
) -> None:
    bucket = BucketInMemory("b", "", keys, order, page_keys)
    listed = sorted(key for key, _, _ in objects_below(bucket, prefix))
    assert listed == sorted(key for key in keys if key.startswith(prefix))


@dataclass(frozen=True)
class BreakingBucket(BucketInMemory):
    """A bucket that refuses whatever lies in 007/ or comes after it."""

    def page(self, prefix: str, **asked: Any) -> Page:
        if (asked.get("after") or prefix) >= "007/":
            raise PermissionError(errno.EACCES, "Access Denied.")
        return super().page(prefix, **asked)


def test_an_error_in_any_thread_ends_the_listing_in_one_sentence() -> None:
    keys = frozenset(f"{n:03}/{k}" for n in range(200) for k in range(50))
    archive = S3Archive("s3://cts")
    archive.__dict__["_bucket"] = BreakingBucket("cts", "", keys)
    before = threading.active_count()
    with pytest.raises(SetupError, match=r"^s3://cts cannot be listed: Access Denied.$"):
        list(archive.list())
    assert threading.active_count() == before


def test_no_more_pages_are_asked_for_than_somebody_takes() -> None:
    bucket = BucketInMemory(
        "b", "", frozenset(f"{n:04}/{k}" for n in range(400) for k in range(50))
    )
    listing = objects_below(bucket, "")
    next(listing)
    time.sleep(0.3)  # in which threads that wait for nobody would ask for all
    assert len(bucket.asked) <= 2 + 2 * ASKED_AT_A_TIME
    listing.close()


def keys_of(folders: int, files: int, above: str = "") -> frozenset[str]:
    return frozenset(f"{above}{n:05}/{k:05}.dcm" for n in range(folders) for k in range(files))


@pytest.mark.parametrize(
    ("keys", "most_requests"),
    [
        (keys_of(1, 900), 1),
        (keys_of(1, 10_000), 13),  # one level of files cannot be shared out
        (keys_of(100, 100), 2 + 2 * 7),  # in runs of 16 folders
        (keys_of(2000, 1), 1 + 3 + 2 * 2),  # not a request a folder
        (keys_of(20, 700), 2 + 20 + 2),
        (keys_of(3, 3000, "year/") | keys_of(40, 3, "month/"), 30),
    ],
)
def test_it_takes_few_more_requests_than_page_by_page(
    keys: frozenset[str], most_requests: int
) -> None:
    bucket = BucketInMemory("b", "", keys)
    assert len(list(objects_below(bucket, ""))) == len(keys)
    assert len(bucket.asked) <= most_requests
