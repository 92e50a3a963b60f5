"""A cohort as large as the paper's, with correlations, failures and exclusions planted in it.

4,102 series as in Figure 1a: 35 failed, 30 of unknown age, 33 without a whole brain, and 4,004 to
be studied. Spearman's r_s is planted through a Gaussian copula: normal scores of age, and scores
that correlate with them by exactly r = 2 sin(pi r_s / 6), give ranks that correlate by r_s.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.stats import norm, rankdata

from segment_actor.anatomy import load_schema
from stats.tables.commit import CohortTables
from stats.tables.schema import SCHEMAS, TableName

SCHEMA = "paper104"

PATIENTS, UNKNOWN_AGE, INCOMPLETE, FAILED = 4004, 30, 33, 35
MALE_SHARE = 0.635

PLANTED = {
    ("clavicula", "hu_mean"): -0.53,
    ("hip", "hu_mean"): -0.61,
    ("vertebrae_L4", "hu_mean"): -0.55,
    ("autochthon", "hu_mean"): -0.74,
    ("gluteus_maximus", "hu_mean"): -0.51,
    ("gluteus_medius", "hu_mean"): -0.61,
    ("gluteus_minimus", "hu_mean"): -0.79,
    ("iliopsoas", "hu_mean"): -0.57,
    ("iliopsoas", "volume_ml"): -0.61,
    ("aorta", "volume_ml"): 0.64,
    ("iliac_artery", "volume_ml"): 0.33,
    ("kidney", "volume_ml"): -0.49,
    ("pancreas", "volume_ml"): -0.49,
}
"""Paper, section 3; both sides of a pair alike. What is not named does not change with age."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SyntheticCohort:
    """What was planted, by structure.

    Attributes:
        age_years: of the patients in the study.
        planted: structure and measure to r_s.
        failed: how many of the studied patients have a volume below the cut-off.
    """

    age_years: Numbers
    planted: dict[tuple[str, str], float]
    failed: dict[str, int]


def write_synthetic_cohort(
    uri: str,
    patients: int = PATIENTS,
    only: Collection[str] = load_schema(SCHEMA).names,
    failed_qc_share: float = 0.0,
) -> SyntheticCohort:
    """Writes the tables through the committer of the real ones, in one commit; some structures.

    Args:
        uri: where.
        patients: to be studied.
        only: structures.
        failed_qc_share: of the patients, whose CT failed quality control: HU of a thousandth.
    """
    rng = np.random.default_rng(4004)
    listed = patients + UNKNOWN_AGE + INCOMPLETE
    age_years = _ages(listed, rng)
    man = rng.permutation(listed) < round(MALE_SHARE * listed)
    bad = np.arange(listed) % 100 < 100 * failed_qc_share
    structures, planted, failed = [], {}, {}
    for structure in load_schema(SCHEMA).structures:
        if structure.name not in only:
            continue
        assert structure.lower_volume_ml is not None
        scores = {}
        for measure in ("volume_ml", "hu_mean"):
            stem = structure.name.removesuffix("_left").removesuffix("_right")
            r_s = PLANTED.get((stem, measure), 0.0)
            planted[structure.name, measure] = r_s
            scores[measure] = _scores(age_years, man, r_s, rng)
        volume_ml = 4.0 * structure.lower_volume_ml * np.exp(0.2 * scores["volume_ml"])
        failing = rng.permutation(listed) < rng.integers(0, 41)
        volume_ml[failing] = structure.lower_volume_ml * rng.uniform(0.05, 0.95, failing.sum())
        status = np.where(failing, "implausible", "ok")
        if structure.name == "brain":
            status[-INCOMPLETE:] = "truncated"
        failed[structure.name] = int(failing[:patients].sum())
        hu_mean = 100.0 + 40.0 * scores["hu_mean"]
        columns = {"volume_ml": volume_ml, "hu_mean": np.where(bad, hu_mean / 1000.0, hu_mean)}
        structures.append(_structure(structure.name, status, columns))
    _write(uri, age_years, man, bad, pa.concat_tables(structures))
    return SyntheticCohort(age_years[:patients], planted, failed)


def _ages(n: int, rng: np.random.Generator) -> Numbers:
    """18 to 100 years with the quartiles of Figure S3: 41, 59 and 78 years."""
    shares = (np.arange(n) + 0.5) / n
    ages_years = np.interp(shares, (0.0, 0.25, 0.5, 0.75, 1.0), (18.0, 41.0, 59.0, 78.0, 100.0))
    ages: Numbers = rng.permutation(ages_years)
    return ages


def _scores(
    age_years: Numbers, man: npt.NDArray[np.bool_], r_s: float, rng: np.random.Generator
) -> Numbers:
    """Normal scores whose Pearson correlation with those of age is exact; men lie higher."""
    of_age = norm.ppf(rankdata(age_years) / (len(age_years) + 1))
    other = rng.normal(size=len(age_years)) + 0.8 * man
    design = np.column_stack([np.ones_like(of_age), of_age])
    other -= design @ np.linalg.lstsq(design, other)[0]
    r = 2.0 * np.sin(np.pi * r_s / 6.0)
    mixed: Numbers = r * of_age / of_age.std() + np.sqrt(1.0 - r**2) * other / other.std()
    return mixed


def _structure(name: str, status: npt.NDArray[np.str_], columns: dict[str, Numbers]) -> pa.Table:
    n = len(status)
    named = {"series_key": _keys(n), "structure": [name] * n, "status": status}
    return _stamped("structures", {**named, **columns})


def _write(
    uri: str,
    age_years: Numbers,
    man: npt.NDArray[np.bool_],
    bad: npt.NDArray[np.bool_],
    structures: pa.Table,
) -> None:
    ages = age_years.copy()
    patients = len(ages) - UNKNOWN_AGE - INCOMPLETE
    ages[patients : patients + UNKNOWN_AGE] = np.nan
    keys = _keys(len(ages))
    scans = {
        "series_key": keys,
        "patient_key": [key.replace("ct", "patient") for key in keys],
        "age_years": pa.array(ages, from_pandas=True),
        "sex": np.where(man, "M", "F"),
        "qc": pa.array(["fail" if one else None for one in bad]),
        "qc_reasons": pa.array(["hu_rescaled" if one else None for one in bad]),
    }
    failures = {
        "series_key": _keys(FAILED, "broken"),
        "code": ["truncated_file"] * FAILED,
        "sentence": ["The file ends too early."] * FAILED,
    }
    tables = CohortTables(uri)
    # Rows as dictionaries, which `commit` takes, would need a gigabyte here.
    tables._append("structures", structures, 1)
    tables._append("failures", _stamped("failures", failures), 1)
    tables._append("scans", _stamped("scans", scans), 1)


def _stamped(name: TableName, columns: Mapping[str, Any]) -> pa.Table:
    """All columns of the schema; NULL where nothing is given."""
    n = len(columns["series_key"])
    stamp = {
        "pipeline_version": "v1",
        "run_id": "run-1",
        "run_date": "2026-01-31",
        "commit_seq": 1,
        "label_schema": SCHEMA,
        "model_set": "synthetic",
    }
    arrays = []
    for field in SCHEMAS[name]:
        if field.name in columns:
            arrays.append(pa.array(columns[field.name], field.type, from_pandas=True))
        elif field.name in stamp:
            arrays.append(pa.array([stamp[field.name]] * n, field.type))
        else:
            arrays.append(pa.nulls(n, field.type))
    return pa.Table.from_arrays(arrays, schema=SCHEMAS[name])


def _keys(n: int, stem: str = "ct") -> list[str]:
    return [f"{stem}-{i:05d}" for i in range(n)]
