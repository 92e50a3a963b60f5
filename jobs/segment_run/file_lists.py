"""Which files a series has, told to the stage that fetches them: names are not in the dataset.

Rows of a dataset lie in Ray's object store, may be spilled to disk, and are shown by its tools. So
a row has the number of its series alone, and its files are asked for here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.stores.private_folder import PrivateFolder
from jobs.archive.grouping.series import File
from jobs.archive.index import Index
from jobs.archive.keys import key_maker
from jobs.archive.site_secret import site_secret_source
from jobs.archive.store import Generation
from jobs.shared.discreet import packed, unpacked

Actor = Any
"""A handle of an actor: its methods appear at run time."""


class FileLists:
    """The table of files of one generation of an index, and the keyed UIDs in place of others.

    Args:
        folder: of the index.
        generation: which.
    """

    def __init__(self, folder: str, generation: Generation) -> None:
        self._open = ExitStack()
        index = Index(PrivateFolder(folder), generation)
        self._files = self._open.enter_context(index.files())
        self._asked: tuple[int, list[bytes]] = (-1, [])

    def piece(self, number: int, piece: int) -> tuple[bytes, bool]:
        """A piece of the list of a series, and whether it is the last."""
        if self._asked[0] != number:
            self._asked = (number, packed(self._files(number)))
        pieces = self._asked[1]
        return pieces[piece], piece + 1 == len(pieces)

    def hidden(self, uids: Sequence[str]) -> list[str]:
        """Keyed UIDs in place of others, with the site's secret, which only this machine has."""
        keys = key_maker(*site_secret_source())
        return [keys.uid("dicom", uid) for uid in uids]


def start_file_lists(index: Index) -> Actor:
    """The lists as an actor on the driver's own node, where the index lies."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(FileLists).options(
        num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here
    )
    return actor.remote(index.folder.uri, index.generation)


def hidden_uids(lists: Actor) -> Callable[[str], str]:
    """What gives the keyed UID in place of another one.

    Args:
        lists: from `start_file_lists`.
    """

    @cache
    def hidden(uid: str) -> str:
        (other,) = ray.get(lists.hidden.remote([uid]))
        return str(other)

    return hidden


def files_of(lists: Actor, number: int) -> list[File]:
    """The files of a series.

    Args:
        lists: from `start_file_lists`.
        number: of the series in its index.
    """
    pieces: list[bytes] = []
    is_last = False
    while not is_last:
        piece, is_last = ray.get(lists.piece.remote(number, len(pieces)))
        pieces.append(piece)
    return [File(*one) for one in unpacked(pieces)]
