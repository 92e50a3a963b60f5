"""What names a patient, on its way between the processes of a cluster.

Ray writes what is larger than 100 KiB (max_direct_call_object_size) into its object store: shared
memory that others may map, and from there to disk. What is smaller travels inside of a call and is
held by the process that asked alone. Paths and headers travel so: packed, in pieces far below that.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

PIECE_BYTES: Final = 48 * 1024


def packed(content: Any) -> list[bytes]:  # noqa: ANN401  # whatever JSON can hold
    """Pieces of JSON, each small enough to travel inside of a call."""
    data = zlib.compress(json.dumps(content).encode(), 1)
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]


def unpacked(pieces: Iterable[bytes]) -> Any:  # noqa: ANN401  # likewise
    """The content again."""
    return json.loads(zlib.decompress(b"".join(pieces)))


def in_turn(pieces: list[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each piece, and whether it is the last."""
    for number, piece in enumerate(pieces, start=1):
        yield piece, number == len(pieces)
