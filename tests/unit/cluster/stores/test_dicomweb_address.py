"""What may stand in the address of a PACS, and what must not."""

from __future__ import annotations

import logging

import pytest

from cluster.stores.dicomweb import DicomWebArchive
from cluster.stores.opening import SCHEMES
from cluster.stores.pacs.address import Address, address_of
from segment_actor.errors import SetupError


def test_a_host_a_path_and_filters() -> None:
    uri = (
        "dicomweb+https://pacs:8443/dicom-web/?StudyDate=20260101-&StudyDescription=CT%20A&limit=7"
    )
    filters = (("StudyDate", "20260101-"), ("StudyDescription", "CT A"))
    assert address_of(uri) == Address("https://pacs:8443/dicom-web", filters, 7)
    assert address_of("dicomweb+http://localhost").base == "http://localhost"


@pytest.mark.parametrize(
    "name",
    [
        "PatientID", "patientid", "PatientName", "PatientBirthDate", "OtherPatientIDs",
        "AccessionNumber", "StudyInstanceUID", "SeriesInstanceUID", "ReferringPhysicianName",
        "OperatorsName", "00100020", "0020000d", "ResponsiblePerson",
    ],
)  # fmt: skip
def test_an_identifier_is_refused_and_its_value_is_not_repeated(name: str) -> None:
    with pytest.raises(SetupError, match=f"filter {name}: it would put an identifier") as caught:
        DicomWebArchive(f"dicomweb+https://pacs/rs?{name}=Secret")
    assert "Secret" not in str(caught.value)


@pytest.mark.parametrize("user", ["user:Secret@", "Secret@", "user:Sec@ret@"])
def test_a_password_is_refused_and_not_repeated(user: str) -> None:
    with pytest.raises(SetupError, match="set CTCOHORT_DICOMWEB_USER") as caught:
        DicomWebArchive(f"dicomweb+https://{user}pacs/rs")
    assert "Sec" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["dicomweb+https://", "dicomweb+https:///rs", "dicomweb+https://pacs:port/rs",
                "dicomweb+https://[::1/rs", "dicomweb://pacs/rs"],
)  # fmt: skip
def test_an_address_without_a_host_is_refused(address: str) -> None:
    with pytest.raises(SetupError, match=r"named as dicomweb\+https://host/path"):
        address_of(address)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "not a number"), ("limit=many", "not a number"), ("limit=-1", "not a number"),
        ("offset=5", "asked for by itself"), ("StudyDate=2026-01-31", "is written as"),
        ("StudyDate=", "is written as"), ("StudyDate=-", "is written as"),
    ],
)  # fmt: skip
def test_a_filter_that_is_not_understood_is_refused(query: str, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        address_of(f"dicomweb+https://pacs/rs?{query}")


@pytest.mark.parametrize(
    ("base", "warned"),
    [
        ("http://pacs/rs", True), ("http://10.0.0.1/rs", True), ("http://127.0.0.1:8042/rs", False),
        ("http://localhost/rs", False), ("http://[::1]/rs", False), ("https://pacs/rs", False),
    ],
)  # fmt: skip
def test_clear_text_to_another_machine_is_warned_of(
    base: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        DicomWebArchive(f"dicomweb+{base}")
    assert ("travel in clear" in caplog.text) == warned


def test_both_schemes_are_kinds_of_archive() -> None:
    assert SCHEMES["dicomweb+https"] is SCHEMES["dicomweb+http"] is DicomWebArchive
