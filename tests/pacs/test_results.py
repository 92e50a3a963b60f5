"""SEG and SR in a real PACS: filed beside their CT, kept byte for byte, and there once."""

from __future__ import annotations

import io
from datetime import datetime

import highdicom as hd
import numpy as np
import pydicom
import pytest

from cluster.stores.dicom_sink import open_sink
from segment_actor.anatomy import load_schema
from segment_actor.writing.dicom.header import identified
from segment_actor.writing.dicom.kinds import SegType
from segment_actor.writing.dicom.results import dicom_results
from segment_actor.writing.dicom.uids import Origin
from stats.measure import StructureRow
from tests.support.ct_files import dicom
from tests.support.dicom_series import labelled_series
from tests.support.orthanc import Orthanc

SCHEMA = load_schema("paper104")
ROW = StructureRow("spleen", 3, 1.5, 40.0, 10.0, hu_median=41.0, status="ok", qc="pass")


@pytest.mark.pacs
@pytest.mark.parametrize("kind", list(SegType))
def test_results_join_the_study_of_their_ct_and_replace_themselves(
    orthanc: Orthanc, kind: SegType
) -> None:
    series = labelled_series(np.random.default_rng(0).integers(0, 5, (6, 9, 11), np.uint8))
    orthanc.put(map(dicom, series.headers))
    with_ct = orthanc.count()
    sources = identified(series.headers)
    for year in (2026, 2027):
        origin = Origin(f"key {kind}", "method", "0.2.0", datetime(year, 1, 31))
        files = dicom_results(
            [series.layer(range(1, 105))], series.grid, SCHEMA, [ROW], sources, origin, kind=kind
        )
        open_sink(orthanc.uri).store(files.values())
    assert orthanc.count() == with_ct + 2
    for sent in files.values():
        result = pydicom.dcmread(io.BytesIO(sent))
        (kept,) = orthanc.stored(result.SeriesInstanceUID)
        assert kept == result  # of the second run, in its own transfer syntax
        assert kept.file_meta.TransferSyntaxUID == result.file_meta.TransferSyntaxUID
        assert kept.StudyInstanceUID == series.headers[0].StudyInstanceUID
    seg = hd.seg.segread(io.BytesIO(files["seg.dcm"]))
    assert np.count_nonzero(seg.pixel_array) == np.count_nonzero(series.drawn)
