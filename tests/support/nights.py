"""CTs that reach a PACS day by day, runs of `segment` over them, and what these left there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import requests

from tests.support.ct_files import dicom_files, dicom_slices, made_hu
from tests.support.orthanc import Orthanc
from tests.support.running_job import committed, running_job

ROOT = "1.2.826.0.1.3680043.10.4321"
PASSWORD = "only for tests on this machine"  # noqa: S105  # it guards nothing

TODAY = date.today()
YESTERDAY = TODAY - timedelta(1)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days)


def ct(number: int, day: date = YESTERDAY, study: str | None = None) -> list[bytes]:
    """A series of 12 images; in a study of its own unless the UID of one is given."""
    slices = dicom_slices(made_hu((16, 16, 12), seed=number))
    for k, one in enumerate(slices):
        one.StudyInstanceUID = study_uid(number) if study is None else study
        one.SeriesInstanceUID = series_uid(number)
        one.FrameOfReferenceUID = f"{ROOT}.{number}.2"
        one.SOPInstanceUID = f"{ROOT}.{number}.1.{k + 1}"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.StudyDate = f"{day:%Y%m%d}"
        one.StudyTime = "080910.654321"
        one.AccessionNumber, one.StudyID = "ACC-PLANTED", "STUDY-PLANTED"
        one.PatientBirthDate = "19470321"
        one.ReferringPhysicianName = "Referrer^Planted"
        one.StudyDescription = "description planted"
        one.SeriesNumber = str(number + 1)
    return dicom_files(slices)


def series_uid(number: int) -> str:
    return f"{ROOT}.{number}.1"


def study_uid(number: int) -> str:
    return f"{ROOT}.{number}"


class Night:
    """Runs of `ctcohort segment` in one place."""

    def __init__(self, folder: Path, model_set: Path, cluster: dict[str, str]) -> None:
        self.folder = folder
        self.model_set = model_set
        self.cluster = cluster

    def job(self, archive: str, tables: str, *flags: str) -> Any:
        """A running job; its index is kept for the next."""
        index = str(self.folder / "index")
        return running_job(
            archive, str(self.folder / tables), self.model_set, "--index", index, "--series", "all",
            *flags, env=self.cluster,
        )  # fmt: skip

    def run(self, archive: str, tables: str, *flags: str) -> str:
        """One that measures all."""
        with self.job(archive, tables, *flags) as job:
            code, said = job.finish()
        assert code == 0, said
        return str(said)

    def rows(self, tables: str) -> dict[str, list[tuple[Any, ...]]]:
        return committed(str(self.folder / tables))


def listed(orthanc: Orthanc, study: int) -> list[tuple[str, str]]:
    """Modality and UID of the series of a study, as any viewer finds them."""
    answer = requests.get(
        f"{orthanc.url}/dicom-web/studies/{study_uid(study)}/series",
        auth=(orthanc.user, orthanc.password),
        headers={"Accept": "application/dicom+json"},
        timeout=60,
    )
    found = [pydicom.Dataset.from_json(row) for row in answer.json()]
    return sorted((one.Modality, one.SeriesInstanceUID) for one in found)


def stored(orthanc: Orthanc, study: int, modality: str) -> list[pydicom.Dataset]:
    return [
        one
        for kind, uid in listed(orthanc, study)
        if kind == modality
        for one in orthanc.stored(uid)
    ]


def sop_uids(orthanc: Orthanc, studies: Sequence[int]) -> Counter[str]:
    """Of all results in these studies."""
    return Counter(
        str(one.SOPInstanceUID)
        for study in studies
        for modality in ("SEG", "SR")
        for one in stored(orthanc, study, modality)
    )


def equal_in_patient(volume: hd.Volume, labels: Any, affine_ras: Any) -> bool:
    """Whether each voxel of the one has the value that lies at its place in the other."""
    voxels = np.indices(volume.array.shape).reshape(3, -1)
    lps = volume.affine[:3, :3] @ voxels + volume.affine[:3, 3:]
    ras = lps * [[-1], [-1], [1]]
    place = np.linalg.solve(affine_ras[:3, :3], ras - affine_ras[:3, 3:])
    index = np.rint(place).astype(int)
    assert np.abs(place - index).max() < 1e-3
    if np.count_nonzero(labels) != np.count_nonzero(volume.array):
        return False
    return bool((labels[tuple(index)].reshape(volume.array.shape) == volume.array).all())
