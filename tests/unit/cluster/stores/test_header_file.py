"""Headers in DICOM JSON as files, read back by pydicom."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from cluster.stores.pacs.connection import parsed
from cluster.stores.pacs.header_file import header_file

NUMBERS = {
    "US": (0, 2**16 - 1), "SS": (-(2**15), 2**15 - 1), "UL": (0, 2**32 - 1),
    "SL": (-(2**31), 2**31 - 1), "UV": (0, 2**64 - 1), "SV": (-(2**63), 2**63 - 1),
}  # fmt: skip


def read(header: dict[str, Any]) -> Dataset:
    rows = parsed(json.dumps([header]).encode())
    assert isinstance(rows, list)
    return pydicom.dcmread(io.BytesIO(header_file(rows[0])))


def test_every_type_of_value_comes_back() -> None:
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "1", "Öl auf Wasser"
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientName = "Müller^Jörg=山田^太郎=やまだ^たろう"
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    header.PixelSpacing = ["0.9765620", "1.25e-1"]
    header.InstanceNumber = "-12"
    header.StudyDate, header.StudyTime = "20260131", "101112.5"
    header.SliceThickness = None
    header.FrameIncrementPointer = [0x00180063, 0xFFFEE000]
    header.RedPaletteColorLookupTableData = b"\1\2\3\4"
    header.AnatomicRegionSequence = [item, Dataset(), item]
    header.ProcedureCodeSequence = []
    header.RetrieveURL = "https://host/path"
    header.add_new(0x00091001, "UN", b"\0\1\2\3")
    header.add_new(0x00091002, "FD", [0.1, -1e300])
    header.add_new(0x00091003, "FL", 0.5)
    header.add_new(0x00091004, "UC", "x" * 70_000)
    header.add_new(0x00091005, "OB", b"odd")
    for n, (vr, limits) in enumerate(NUMBERS.items()):
        header.add_new(0x00091010 + n, vr, list(limits))
    back = read(header.to_json_dict())
    assert back[0x00091005].value == b"odd\0"
    del back[0x00091005], header[0x00091005]
    assert back == header


@pytest.mark.parametrize(
    "element",
    [
        {"vr": "US", "Value": ["Secret^Name"]},
        {"vr": "US", "Value": [-1]},
        {"vr": "US", "Value": 5},
        {"vr": "US", "Value": [None]},
        {"vr": "FD", "Value": [{}]},
        {"vr": "AT", "Value": ["no tag"]},
        {"vr": "LO", "Value": [["nested"]]},
        {"vr": "LO", "Value": "text"},
        {"vr": "LO", "Value": ["x" * 70_000]},
        {"vr": "??", "Value": ["x"]},
        {"vr": 5, "Value": ["x"]},
        {"vr": "PN", "Value": [{"Alphabetic": ["x"]}, []]},
        {"vr": "OB", "InlineBinary": "no base 64"},
        {"vr": "OB", "InlineBinary": {}},
        {"vr": "OW", "BulkDataURI": "http://pacs/1.2.3"},
        {"Value": ["x"]},
        [],
        None,
        "x",
    ],
)
def test_a_value_that_cannot_be_written_is_left_out_alone(element: object) -> None:
    header = {"00100020": {"vr": "LO", "Value": ["id"]}, "00280010": element}
    back = read({**header, "00081110": {"vr": "SQ", "Value": [header]}})
    assert back.PatientID == back.ReferencedStudySequence[0].PatientID == "id"
    assert 0x00280010 not in back
    assert 0x00280010 not in back.ReferencedStudySequence[0]


@pytest.mark.parametrize("tag", ["00020010", "00000000", "0008", "PatientID", "0028001G", ""])
def test_what_is_no_element_of_an_image_is_left_out(tag: str) -> None:
    assert len(read({tag: {"vr": "LO", "Value": ["x"]}})) == 1  # the character set


def test_lone_surrogates_and_lower_case_tags_do_no_harm() -> None:
    back = read({"0010001f": {"vr": "LO", "Value": ["\ud800x"]}, "00100020": {"vr": "LO"}})
    assert back[0x0010001F].value == "?x"
    assert back.PatientID is None or back.PatientID == ""


TEST_FILES = Path(pydicom.data.__file__).parent
HEADERS = [
    file
    for folder in ("test_files", "charset_files")
    for file in sorted((TEST_FILES / folder).glob("*.dcm"))
    if file.name not in {"nested_priv_SQ.dcm", "meta_missing_tsyntax.dcm"}  # elements of group 1
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, on files made to be damaged
def test_headers_of_many_makers_come_back_as_they_are() -> None:
    compared = 0
    for file in HEADERS:
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True)
            said = header.to_json_dict()
        except (pydicom.errors.InvalidDicomError, TypeError, ValueError, AttributeError):
            continue  # made to be damaged
        back = read(said)
        for each in (header, *header.get("RequestedProcedureCodeSequence", ())):
            each.pop("SpecificCharacterSet", None)
        back.pop("SpecificCharacterSet")
        assert back == header, file.name
        compared += 1
    assert compared > 50


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
ELEMENTS = st.fixed_dictionaries(
    {"vr": st.sampled_from(["US", "LO", "PN", "SQ", "AT", "OB", "FD", "DS", "XX"])},
    optional={"Value": JSON_VALUES, "InlineBinary": JSON_VALUES, "BulkDataURI": JSON_VALUES},
)
TAGS = st.integers(0, 2**32 - 1).map("{:08X}".format)


@given(st.dictionaries(TAGS, ELEMENTS | JSON_VALUES, max_size=6))
def test_nothing_in_json_makes_it_fail(header: dict[str, Any]) -> None:
    rows = parsed(json.dumps([header]).encode())
    assert isinstance(rows, list)
    assert header_file(rows[0])[128:132] == b"DICM"
