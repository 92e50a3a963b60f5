"""A PACS is indexed and read as a folder of the same files is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cluster.stores.opening import open_store
from jobs.archive.grouping.series import Series
from tests.support.indexing import files_of, index_of, read_one
from tests.support.odd_pacs import OddPacs
from tests.support.orthanc import Orthanc
from tests.support.tiny_cohort import good_dicom, write_objects


def facts(series: Series) -> Series:
    """What is the same wherever a series lies."""
    return replace(series, number=0, bytes=0, input_version="", archive="", path="")


@pytest.mark.pacs
def test_a_pacs_gives_the_series_the_keys_and_the_voxels_of_a_folder(
    orthanc: Orthanc, tmp_path: Path
) -> None:
    objects = good_dicom("first", 1) | good_dicom("second", 2)
    orthanc.put(objects.values())
    folder, pacs = (open_store(uri) for uri in (str(write_objects(tmp_path, objects)), orthanc.uri))
    of_folder, of_pacs = index_of(folder), index_of(pacs)
    expected = {one.series_key: one for one in of_folder.series()}
    assert len(expected) == 2
    for one in of_pacs.series():
        same = expected.pop(one.series_key)
        assert facts(one) == facts(same)
        scan, other = read_one(pacs, of_pacs, one), read_one(folder, of_folder, same)
        assert np.array_equal(scan.volume.hu, other.volume.hu)
        assert np.array_equal(scan.volume.affine, other.volume.affine)
        assert replace(scan.facts) == replace(other.facts)
    assert expected == {}


def test_a_second_index_asks_for_headers_of_nothing_that_is_known(
    pacs: OddPacs, tmp_path: Path
) -> None:
    for _ in range(2):
        index = index_of(pacs.uri, tmp_path)
    assert pacs.kinds().count("metadata") == 1
    assert len(files_of(index)[index.series()[0].number]) == 4
