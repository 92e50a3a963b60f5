"""Results in DICOM: kept once wherever they go, and never believed to be kept without proof."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from cluster.stores.dicom_sink import PacsSink, open_sink
from cluster.stores.one_file import read_bytes
from segment_actor.errors import FailureCode, SeriesError, SetupError
from tests.support.ct_files import dicom, dicom_slices, made_hu
from tests.support.odd_pacs import OddPacs, Request, running_odd_pacs, send, send_json
from tests.support.orthanc import Orthanc
from tests.support.seaweed import running_seaweed

Handler = BaseHTTPRequestHandler

UID_ROOT = "1.2.826.0.1"


def results(number: int) -> list[Dataset]:
    slices = dicom_slices(made_hu((8, 8, 2), seed=number))
    for k, one in enumerate(slices):
        one.StudyInstanceUID = f"{UID_ROOT}.77.{number}"
        one.SeriesInstanceUID = f"{UID_ROOT}.77.{number}.1"
        one.SOPInstanceUID = f"{UID_ROOT}.77.{number}.1.{k}"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.StudyDate = "20260110"
    return slices


def changed(slices: list[Dataset]) -> list[Dataset]:
    for one in slices:
        one.SeriesDescription = "second run"
    return slices


@pytest.mark.pacs
class TestPacs:
    def test_results_are_in_the_pacs_and_replace_themselves(self, orthanc: Orthanc) -> None:
        sink = open_sink(orthanc.uri)
        before = orthanc.count()
        sink.store(map(dicom, results(1)))
        sink.store(map(dicom, changed(results(1))))
        assert orthanc.count() == before + 2
        assert {one.SeriesDescription for one in orthanc.stored(f"{UID_ROOT}.77.1.1")} == {
            "second run"
        }

    def test_what_the_pacs_does_not_keep_is_said(self, orthanc: Orthanc) -> None:
        blank = results(2)[0]
        blank.StudyInstanceUID = ""
        before = orthanc.count()
        with pytest.raises(SeriesError, match="The PACS did not keep a result") as caught:
            open_sink(orthanc.uri).store([dicom(blank)])
        assert orthanc.count() == before
        assert UID_ROOT not in str(caught.value)

    def test_a_wrong_password_is_refused_before_any_work(
        self, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CTCOHORT_DICOMWEB_PASSWORD", "guessed")
        with pytest.raises(SetupError, match="Check CTCOHORT_DICOMWEB_USER"):
            open_sink(orthanc.uri)


def report(stored: list[str], failed: dict[str, int]) -> dict[str, Any]:
    made = Dataset()
    made.ReferencedSOPSequence = [_item(uid) for uid in stored]
    made.FailedSOPSequence = [_item(uid, code) for uid, code in failed.items()]
    return made.to_json_dict()


def _item(uid: str, code: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPInstanceUID = uid
    if code is not None:
        item.FailureReason = code
    return item


FIRST = f"{UID_ROOT}.77.3.1.0"


def answering(body: object, status: int = 200) -> Callable[[Handler, Request], None]:
    return lambda handler, _: send_json(handler, body, status)


class TestOddPacs:
    @pytest.fixture
    def pacs(self) -> Iterator[OddPacs]:
        with running_odd_pacs() as running:
            yield running

    @pytest.fixture
    def sink(self, pacs: OddPacs) -> PacsSink:
        return PacsSink(pacs.uri, pauses_s=(0.0, 0.0))

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (answering(report([], {})), "does not name it as stored"),
            (answering({}), "does not name it as stored"),
            (answering(report([f"{FIRST}.9"], {})), "does not name it as stored"),
            (answering(report([], {FIRST: 0x0122}), 409), "does not take this kind of object"),
            (answering(report([], {FIRST: 0x0110}), 202), "could not process"),
            (answering(report([], {FIRST: 0xA700}), 202), "no room left"),
            (answering(report([], {FIRST: 0xC123}), 202), "code 49443"),
            (answering([]), "does not say what it has stored"),
            (answering("ok"), "does not say what it has stored"),
            (lambda handler, _: send(handler, b"<NativeDicomModel/>"), "does not say"),
            (lambda handler, _: send(handler, b""), "does not say"),
        ],
    )
    def test_a_result_is_stored_only_if_the_pacs_names_it(
        self,
        pacs: OddPacs,
        sink: PacsSink,
        answer: Callable[[Handler, Request], None],
        said: str,
    ) -> None:
        pacs.answers["store"] = answer
        with pytest.raises(SeriesError, match=said) as caught:
            sink.store([dicom(results(3)[0])])
        assert caught.value.code is FailureCode.INCOMPLETE_ANSWER
        assert UID_ROOT not in str(caught.value)

    @pytest.mark.parametrize("wrapped", [False, True])
    def test_each_is_sent_as_it_is_and_once_again_where_the_pacs_was_busy(
        self, pacs: OddPacs, sink: PacsSink, *, wrapped: bool
    ) -> None:
        files = [dicom(one) for one in results(3)]
        right = [report([f"{UID_ROOT}.77.3.1.{k}"], {}) for k in range(2)]
        first, second = (answering([one] if wrapped else one) for one in right)
        busy: Callable[[Handler, Request], None] = answering({}, 503)
        pacs.answers["store"] = [busy, first, second]
        sink.store(files)
        sent = [request.body for request in pacs.requests]
        assert len(sent) == 3
        assert files[0] in sent[0]
        assert files[0] in sent[1]
        assert files[1] in sent[2]

    @pytest.mark.parametrize("status", [403, 404])
    def test_a_pacs_that_lets_nobody_store_ends_the_run(
        self, pacs: OddPacs, sink: PacsSink, status: int
    ) -> None:
        pacs.answers["store"] = answering({}, status)
        with pytest.raises(SetupError, match="STOW-RS is switched off"):
            sink.store([dicom(results(3)[0])])

    @pytest.mark.parametrize("status", [405, 413, 500])
    def test_another_error_ends_the_run_too(
        self, pacs: OddPacs, sink: PacsSink, status: int
    ) -> None:
        pacs.answers["store"] = answering({}, status)
        with pytest.raises(
            SetupError, match=f"cannot be stored to: it answers with error {status}"
        ):
            sink.store([dicom(results(3)[0])])


class TestFiles:
    @pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.s3)])
    def place(
        self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[str]:
        if request.param == "folder":
            yield str(tmp_path / "new" / "results")
            return
        with running_seaweed(tmp_path) as seaweed:
            seaweed.use(monkeypatch)
            yield "s3://cts/results"

    def test_there_is_one_file_an_image_and_the_second_run_replaces_it(self, place: str) -> None:
        sink = open_sink(f"{place}/")
        sink.store(map(dicom, results(4)))
        files = [dicom(one) for one in changed(results(4))]
        sink.store(files)
        kept = [read_bytes(f"{place}/{UID_ROOT}.77.4.1.{k}.dcm") for k in range(2)]
        assert kept == files

    def test_they_are_for_their_owner_alone(self, tmp_path: Path) -> None:
        open_sink(str(tmp_path)).store([dicom(results(5)[0])])
        (file,) = tmp_path.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert pydicom.dcmread(io.BytesIO(file.read_bytes())).SOPInstanceUID in file.name

    def test_a_folder_that_cannot_be_made_is_refused_before_any_work(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(SetupError, match="Cannot make the folder"):
            open_sink(str(tmp_path / "file" / "results"))

    def test_a_place_that_takes_no_file_ends_the_run_without_naming_it(
        self, tmp_path: Path
    ) -> None:
        sink = open_sink(str(tmp_path))
        (tmp_path / f"{FIRST}.dcm").mkdir()
        with pytest.raises(SetupError, match="Cannot write DICOM results to") as caught:
            sink.store([dicom(results(3)[0])])
        assert FIRST not in str(caught.value)


@pytest.mark.parametrize("uri", ["ftp://host/path", "dicomweb://host", "gs://bucket"])
def test_another_kind_of_place_is_refused(uri: str) -> None:
    with pytest.raises(SetupError, match="take DICOM results"):
        open_sink(uri)


@pytest.mark.parametrize("file", [b"", b"no DICOM", json.dumps({}).encode()])
def test_what_is_no_dicom_file_is_not_stored(file: bytes, tmp_path: Path) -> None:
    with pytest.raises(SeriesError, match="no DICOM file"):
        open_sink(str(tmp_path)).store([file])
    assert list(tmp_path.iterdir()) == []
