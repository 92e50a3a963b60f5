"""Which files a series has, told to the stage that fetches them: names are not in the dataset.

Rows of a dataset lie in Ray's object store, may be spilled to disk, and are shown by its tools. So
a row has the number of its series alone, and its files are asked for here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.stores.private_folder import PrivateFolder
from jobs.archive.grouping.series import File
from jobs.archive.index import Index
from jobs.archive.keys import KeyMaker, key_maker
from jobs.archive.site_secret import site_secret_source
from jobs.archive.store import Generation
from jobs.shared.discreet import packed, unpacked
from segment_actor.errors import SetupError

Actor = Any
"""A handle of an actor: its methods appear at run time."""


class FileLists:
    """The table of files of one generation of an index, and the keyed UIDs in place of others.

    Args:
        folder: of the index.
        generation: which.
        secret_file: where the site keeps its secret, unless the environment here holds it.
    """

    def __init__(self, folder: str, generation: Generation, secret_file: str) -> None:
        self._open = ExitStack()
        self._generation = generation
        self._secret_file = Path(secret_file)
        index = Index(PrivateFolder(folder), generation)
        self._files = self._open.enter_context(index.files())
        self._asked: tuple[int, list[bytes]] = (-1, [])

    def piece(self, number: int, piece: int) -> tuple[bytes, bool]:
        """A piece of the list of a series, and whether it is the last."""
        if self._asked[0] != number:
            self._asked = (number, packed(self._files(number)))
        pieces = self._asked[1]
        return pieces[piece], piece + 1 == len(pieces)

    def can_hide(self) -> bool:
        """Whether the secret of the index is at hand here; none is made.

        A Ray that ran before the driver has none of its variables.
        """
        text, _ = site_secret_source()
        is_there = text is not None or self._secret_file.exists()
        return is_there and self._keys.check == self._generation.secret

    def hidden(self, uids: Sequence[str]) -> list[str]:
        """Keyed UIDs in place of others, with the site's secret, which only this machine has."""
        return [self._keys.uid("dicom", uid) for uid in uids]

    @cached_property
    def _keys(self) -> KeyMaker:
        text, _ = site_secret_source()
        return key_maker(text, self._secret_file)


def start_file_lists(index: Index, *, hides: bool) -> Actor:
    """The lists as an actor on the driver's own node, where the index lies.

    Args:
        index: of the archive.
        hides: whether it will be asked for keyed UIDs.

    Raises:
        SetupError: it could not make those that belong to the keys of the index.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(FileLists).options(
        num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here
    )
    _, secret_file = site_secret_source()
    lists: Actor = actor.remote(index.folder.uri, index.generation, str(secret_file.absolute()))
    if hides and not ray.get(lists.can_hide.remote()):
        raise SetupError(
            "Results without identity need the site's secret that the index was made with, and "
            "Ray on this machine has none or another one. Keep it in a file that Ray's user can "
            "read, and name that by CTCOHORT_SITE_SECRET_FILE for `index` and for `segment`; or "
            "set CTCOHORT_SITE_SECRET before `ray start` too."
        )
    return lists


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
