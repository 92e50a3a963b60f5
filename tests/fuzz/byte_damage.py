"""What copying, disks and editors do to a file of any kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def cut(rng: np.random.Generator, data: bytearray) -> None:
    """The end is missing."""
    del data[int(rng.integers(len(data) + 1)) :]


def flip(rng: np.random.Generator, data: bytearray) -> None:
    """Some bits are others."""
    for at in rng.integers(len(data), size=rng.integers(1, 4)):
        data[at] ^= 1 << int(rng.integers(8))


def overwrite(rng: np.random.Generator, data: bytearray) -> None:
    """A stretch is noise, or one value."""
    start = int(rng.integers(len(data)))
    length = int(rng.integers(1, 40))
    noise = rng.bytes(length) if rng.random() < 0.5 else bytes([rng.integers(256)]) * length
    data[start : start + length] = noise


def insert(rng: np.random.Generator, data: bytearray) -> None:
    """A stretch stands there twice, or something is in between."""
    start, length = int(rng.integers(len(data))), int(rng.integers(1, 40))
    at = int(rng.integers(len(data)))
    data[at:at] = data[start : start + length] if rng.random() < 0.5 else rng.bytes(length)


def remove(rng: np.random.Generator, data: bytearray) -> None:
    """A stretch is missing."""
    start = int(rng.integers(len(data)))
    del data[start : start + int(rng.integers(1, 40))]


DAMAGES: tuple[Callable[[np.random.Generator, bytearray], None], ...] = (
    cut, flip, overwrite, insert, remove,
)  # fmt: skip


def damaged(rng: np.random.Generator, data: bytes) -> tuple[str, bytes]:
    """One to three damages: their names, and what is left."""
    left, done = bytearray(data), []
    for _ in range(int(rng.integers(1, 4))):
        damage = DAMAGES[rng.integers(len(DAMAGES))]
        if left:
            damage(rng, left)
            done.append(damage.__name__)
    return " and ".join(done), bytes(left)
