"""DICOM's texts of a time as numbers."""

from __future__ import annotations

import re
from datetime import date

DAY_S = 86400.0

_TIME = re.compile(r"(\d{4})?(\d\d)?(\d\d)?(\d\d)(\d\d)(\d\d(?:\.\d+)?)(?:[+-]\d{4})?", re.ASCII)


def seconds_of(time: str) -> float | None:
    """Seconds of a date and time (DT, or DA and TM joined), or of a time alone.

    The offset of a time zone is passed over: times of one study are compared.

    Returns:
        Below `DAY_S` for a time alone; None for another text.
    """
    found = _TIME.fullmatch(time.strip())
    if found is None or (found[1] is None) != (found[3] is None):
        return None
    seconds = int(found[4]) * 3600 + int(found[5]) * 60 + float(found[6])
    if found[1] is None:
        return seconds if found[2] is None and seconds < DAY_S else None
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).toordinal() * DAY_S + seconds
    except ValueError:
        return None
