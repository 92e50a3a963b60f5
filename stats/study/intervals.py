"""How sure a percentile is: its 95 % interval, and how many people it needs.

docs/reference/aging.md has the sources and what was measured.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from stats.study.selection import Numbers

CONFIDENCE: Final = 0.95

MIN_PEOPLE_PERCENTILE: Final = 20
"""To say where one patient stands. CLSI EP28-A3c and ASVCP (Friedrichs et al., Vet Clin Pathol 41
(2012) 441-453) compare with no fewer; the interval of a rank among 20 is up to 46 points wide."""


def fewest_people(share: float, confidence: float = CONFIDENCE) -> int:
    """Fewest people among whom a quantile has a distribution-free interval with two ends.

    The lowest of n values lies above the quantile with probability (1 - share)^n, which must be at
    most (1 - confidence) / 2, for the interval from one value to another to have this confidence
    (David and Nagaraja, Order Statistics, 3rd ed. 2003, section 7.1). For the 2.5th percentile and
    90 % it is 119: the 120 people that CLSI EP28-A3c asks for.

    Args:
        share: of people below the lowest or above the highest quantile, e.g. 0.05.
        confidence: of the interval.
    """
    return int(np.ceil(np.log((1.0 - confidence) / 2.0) / np.log(1.0 - share)))


MIN_PEOPLE_REFERENCE: Final = fewest_people(0.05)
"""72: for reference values from the 5th to the 95th percentile with a 95 % interval."""


def share_interval(n: npt.ArrayLike, x: npt.ArrayLike) -> tuple[Numbers, Numbers]:
    """95 % interval of a share of which x of n were found, by Clopper and Pearson (1934).

    Holds the truth in at least 95 % of samples at every share, as that of Wilson does not near 0
    and 1, where percentiles are asked for (Brown, Cai and DasGupta, Stat Sci 16 (2001) 101-133).

    Args:
        n: people, any shape; a number of equivalent people need not be whole.
        x: of these, 0 to n; halves are allowed.

    Returns:
        Lower and upper end, 0 to 1; 0 and 1 if n is 0.
    """
    n, x = np.broadcast_arrays(np.asarray(n, np.float64), np.asarray(x, np.float64))
    tail = (1.0 - CONFIDENCE) / 2.0
    none, all_of_them = x <= 0.0, x >= n
    low = betaincinv(np.where(none, 1.0, x), np.maximum(n - x, 0.0) + 1.0, tail)
    high = betaincinv(x + 1.0, np.where(all_of_them, 1.0, n - x), 1.0 - tail)
    return np.where(none, 0.0, low), np.where(all_of_them, 1.0, high)


def percentile_interval(
    n: npt.ArrayLike, lower: npt.ArrayLike, equal: npt.ArrayLike
) -> tuple[Numbers, Numbers]:
    """95 % interval of a patient's percentile among people like him.

    The percentile is 100 (lower + equal / 2) / n. Of equal values each counts a half, which makes
    the share vary less than one of whole people: the interval is then rather too wide.

    Args:
        n: people compared with; any shape, as the others.
        lower: of these, how many have a lower value.
        equal: of these, how many have the same.

    Returns:
        Lower and upper end, 0 to 100; 0 and 100 if n is 0.
    """
    half = np.asarray(lower, np.float64) + 0.5 * np.asarray(equal, np.float64)
    low, high = share_interval(n, half)
    return 100.0 * low, 100.0 * high
