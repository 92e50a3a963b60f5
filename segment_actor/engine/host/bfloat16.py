"""bfloat16 in numpy, which has no such type: uint16 arrays of its bits.

A bfloat16 is the upper half of a float32, so that to widen one costs nothing.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload


def widen_to_float32(value):  # type: ignore[no-untyped-def]
    """In compiled code: a float32 as it is, the uint16 bits of a bfloat16 as a float32.

    Which of the two it is, is decided when numba compiles, not for each value.
    """
    raise NotImplementedError


@overload(widen_to_float32)
def _widened(value):  # type: ignore[no-untyped-def]
    if isinstance(value, types.Integer):
        return lambda value: np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)
    return lambda value: value
