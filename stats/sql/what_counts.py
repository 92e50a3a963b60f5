"""Which volume and which HU of a structure count: one rule for every figure and every view.

    absent         no voxel was found, so nothing was measured
    failed_qc      quality control failed the structure, or the whole CT (stats.quality)
    below_cutoff   a failed segmentation: smaller than the lower volume of Table S1 of the paper, or
                   only stray voxels of a structure that has no such volume
    truncated      the field of view cuts the structure: what is seen of it is not its volume,
                   while its mean HU is still that of the organ

A volume counts if none of the four applies, HU if none of the first three does. The paper has the
lower volumes (Table S1) and keeps the volumes of cut structures; `ctcohort aging --keep-truncated`
does so too. `--keep-failed-qc` takes the verdict of quality control back. Whether a structure is
complete and plausible was decided when it was measured (`status`, stats.measure); only of a cut one
the volume is compared here. Which CTs count is said in stats.sql.who_counts.

The rule is text of SQL, written into the view `counted_structures` when `stats.query.connect` makes
it; all other views, the report, the percentiles and the aging study take their columns from there.
A further reason not to count is a further line in `REASONS` and in `_EXCLUDED_BY`, nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, str]] = {
    "absent": "no voxel was found",
    "failed_qc": "quality control failed the structure or the whole CT",
    "below_cutoff": "failed segmentation: volume below the lower cut-off",
    "truncated": "the field of view cuts the structure (volume only)",
}
"""Why a measurement does not count, and what that means; counted at the first that fits."""

KEPT_ON_REQUEST: Final = "truncated"
"""The reason that `--keep-truncated` takes back, and no other."""

_EXCLUDED_BY: Final = """CASE
        WHEN status IS NULL OR volume_ml IS NULL OR {value} IS NULL THEN 'absent'
        WHEN {failed_qc} THEN 'failed_qc'
        WHEN contains(qc_reasons, 'remnant') THEN 'below_cutoff'
        WHEN status = 'ok' THEN NULL
        WHEN status = 'implausible' OR volume_ml < lower_volume_ml THEN 'below_cutoff'
        WHEN {must_be_whole} THEN 'truncated'
    END"""


COUNTED_NAMES: Final = ("whole_ml", "usable_hu", "volume_excluded_by", "hu_excluded_by")
"""Columns of `counted_columns`."""


def counted_columns(*, keep_failed_qc: bool = False) -> str:
    """SQL of four columns, from status, qc, qc_reasons, volume_ml, hu_mean and lower_volume_ml.

    `lower_volume_ml` is NULL where there is no bound, `qc` where nothing was judged.

    Args:
        keep_failed_qc: let the verdict of quality control exclude nothing.

    Returns:
        `volume_excluded_by` and `hu_excluded_by`, one of `REASONS` or NULL; `whole_ml` (ml) and
        `usable_hu` (HU), the measurements that count, else NULL.
    """
    failed = "false" if keep_failed_qc else "qc = 'fail'"
    volume = _EXCLUDED_BY.format(
        value="volume_ml", must_be_whole="status = 'truncated'", failed_qc=failed
    )
    hu = _EXCLUDED_BY.format(value="hu_mean", must_be_whole="false", failed_qc=failed)
    return f"""{volume} AS volume_excluded_by, {hu} AS hu_excluded_by,
    CASE WHEN volume_excluded_by IS NULL THEN volume_ml END AS whole_ml,
    CASE WHEN hu_excluded_by IS NULL THEN hu_mean END AS usable_hu"""


def rule_number() -> int:
    """A number that is another one under another rule: stored results are made again by it."""
    text = " ".join(counted_columns().split())
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
