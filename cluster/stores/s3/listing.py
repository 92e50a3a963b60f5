"""All objects under a prefix of a bucket, listed by several threads at a time.

A server lists 1,000 keys a request, one page after the other. So the folders of a level are asked
for, and what is below them is listed side by side:

    tree    a folder with all below it: one page, or its level if that is not all
    level   a page of a folder's own objects, and of the names of its folders
    run     folders that follow each other, listed through with all below them; one that fills a
            page alone is large, and becomes a level

Each is one request and gives objects and what to ask next. Whoever takes the objects sets the pace:
no more than ASKED_AT_A_TIME pages wait. A run takes what is in the folders that its page of the
level named and nothing else, so that each object comes once. It ends where keys lie beyond its last
folder, whether the server sorts by bytes (S3: 'a-b' before 'a/1') or by folders (SeaweedFS: after).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Final, Protocol

from cluster.stores.s3.answers import Listed, Page
from cluster.stores.s3.bucket import Bucket

ASKED_AT_A_TIME: Final = 16

MOST_RUNS: Final = 2 * ASKED_AT_A_TIME
"""Of a level: enough to keep all threads busy, though some have less to list than others."""

LEAST_FOLDERS: Final = 16
"""Of a run: its last request also brings what others list."""

Bundle = tuple[list[Listed], list["_Question"]]
"""The objects of one answer, and what to ask next, the last one first."""


class _Question(Protocol):
    """What one request is to find out."""

    def ask(self, bucket: Bucket) -> Bundle: ...


def objects_below(bucket: Bucket, prefix: str) -> Generator[Listed]:
    """Each object once, in no order.

    Args:
        bucket: asked for them.
        prefix: of their keys; it may end within a name.

    Raises:
        OSError, BotoCoreError: as `Bucket`.
    """
    waiting: deque[_Question] = deque([_Tree(prefix)])
    asked: set[Future[Bundle]] = set()
    with ThreadPoolExecutor(ASKED_AT_A_TIME, thread_name_prefix="listing") as threads:
        try:
            while waiting or asked:
                while waiting and len(asked) < ASKED_AT_A_TIME:
                    asked.add(threads.submit(waiting.pop().ask, bucket))
                answered, asked = wait(asked, return_when=FIRST_COMPLETED)
                for each in answered:
                    objects, further = each.result()
                    waiting.extend(further)
                    yield from objects
        finally:
            threads.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Tree:
    prefix: str

    def ask(self, bucket: Bucket) -> Bundle:
        page = bucket.page(self.prefix)
        return (page.objects, []) if page.token is None else ([], [_Level(self.prefix)])


@dataclass(frozen=True)
class _Level:
    prefix: str
    token: str | None = None

    def ask(self, bucket: Bucket) -> Bundle:
        page = bucket.page(self.prefix, delimiter="/", token=self.token)
        further = [] if page.token is None else [replace(self, token=page.token)]
        return page.objects, [*further, *self._runs(page)]

    def _runs(self, page: Page) -> list[_Question]:
        """Those of a page; a level of several pages is shared out by its pages."""
        folders = tuple(page.folders)
        most = MOST_RUNS if self.token is page.token is None else 1
        runs = max(1, min(most, len(folders) // LEAST_FOLDERS))
        length = max(1, -(-len(folders) // runs))
        parts = [folders[at : at + length] for at in range(0, len(folders), length)]
        return [_Run(self.prefix, part, after=part[0]) for part in parts]


@dataclass(frozen=True)
class _Run:
    """See above.

    Attributes:
        prefix: of the level.
        folders: in the order of the server.
        after: the key to begin behind. That of a folder itself only marks it.
    """

    prefix: str
    folders: tuple[str, ...]
    after: str

    def ask(self, bucket: Bucket) -> Bundle:
        page = bucket.page(self.prefix, after=self.after)
        mine = frozenset(self.folders)
        placed = [(self._folder_of(each[0]), each) for each in page.objects]
        if page.token is None or self._is_beyond(placed[-1][0], page.objects[-1][0]):
            return [each for folder, each in placed if folder in mine], []
        first, last = placed[0][0], placed[-1][0]
        if last not in mine:  # nothing is cut by the end of the page
            further: list[_Question] = [replace(self, after=page.objects[-1][0])]
        elif first != last:
            further = [replace(self, after=last)]
        else:
            further = [*self._behind(last), _Level(last)]
        return [each for folder, each in placed if folder in mine and folder != last], further

    def _behind(self, folder: str) -> list[_Question]:
        rest = self.folders[self.folders.index(folder) + 1 :]
        return [_Run(self.prefix, rest, after=rest[0])] if rest else []

    def _folder_of(self, key: str) -> str:
        """The folder of the level that a key lies in; the key itself if it lies in none."""
        end = key.find("/", len(self.prefix))
        return key[: end + 1] if end >= 0 else key

    def _is_beyond(self, folder: str, key: str) -> bool:
        """Whether a key comes after the last folder in either order of servers."""
        end = self.folders[-1]
        by_folder = folder.removesuffix("/") > end.removesuffix("/")
        return folder not in self.folders and key > end and by_folder
