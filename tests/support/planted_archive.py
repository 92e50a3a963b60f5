"""An archive as a hospital has it, with a text that identifies wherever one can stand.

Whole CTs of each kind, CTs that are refused, and files that are damaged in ways at which readers
quote what they read.
"""

from __future__ import annotations

import gzip
import io
import zipfile

import nibabel as nib
from pydicom import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from segment_actor.reading.dicom.file.header import quiet_pydicom
from segment_actor.volume import Shape
from tests.support.ct_files import RAS_2MM, dicom, dicom_slices, made_hu
from tests.support.planted import PLANTED, UID_ROOT
from tests.support.tiny_cohort import Objects

PATIENT = f"{PLANTED['folder']} {PLANTED['family name']}^{PLANTED['given name']}"
"""Its folder."""

WHOLE_SHAPE = (96, 96, 48)
"""0.9 MB of voxels as int16: above 100 kB Ray puts a block into the object store."""

WHOLE = 6
"""CTs that can be measured."""

_TEXTS = {
    "PatientName": f"{PLANTED['family name']}^{PLANTED['given name']}",
    "PatientID": PLANTED["patient id"],
    "PatientBirthDate": PLANTED["birth date"],
    "PatientAddress": PLANTED["address"],
    "PatientComments": PLANTED["comment"],
    "OtherPatientIDs": PLANTED["patient id"],
    "AccessionNumber": PLANTED["accession number"],
    "StudyID": PLANTED["study id"],
    "InstitutionName": PLANTED["hospital"],
    "InstitutionAddress": PLANTED["address"],
    "InstitutionalDepartmentName": PLANTED["department"],
    "IssuerOfPatientID": PLANTED["hospital"],
    "ReferringPhysicianName": PLANTED["physician"],
    "PerformingPhysicianName": PLANTED["physician"],
    "OperatorsName": PLANTED["operator"],
    "StationName": PLANTED["station"],
    "DeviceSerialNumber": PLANTED["serial number"],
    "SoftwareVersions": PLANTED["serial number"],
    "ImageComments": PLANTED["comment"],
    "StudyDescription": PLANTED["description"],
    "SeriesDescription": PLANTED["description"],
    "ProtocolName": PLANTED["protocol"],
    "Manufacturer": PLANTED["maker"],
    "ManufacturerModelName": PLANTED["scanner model"],
    "ConvolutionKernel": PLANTED["kernel"],
    "BodyPartExamined": PLANTED["body part"],
    "ContrastBolusAgent": PLANTED["contrast agent"],
    "ContrastBolusRoute": PLANTED["contrast agent"],
    "StudyDate": PLANTED["scan date"],
    "SeriesDate": PLANTED["scan date"],
    "AcquisitionDate": PLANTED["scan date"],
    "StudyTime": "101010",
    "RescaleType": "HU",
}


def planted_archive() -> Objects:
    """Content by path."""
    with quiet_pydicom():  # which says so when a UID is none
        objects = _whole() | _refused() | _damaged()
    return {f"{PATIENT}/{path}": blob for path, blob in objects.items()}


def series_uid(number: int) -> str:
    """Of the CT with this number."""
    return f"{UID_ROOT}.2.{number}"


def planted_series(number: int, shape: Shape = (16, 16, 6)) -> list[Dataset]:
    """The images of a series."""
    images = dicom_slices(made_hu(shape, seed=number))
    for k, one in enumerate(images):
        del one.PatientAge  # so that it comes from the dates
        for keyword, text in _TEXTS.items():
            setattr(one, keyword, text)
        one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", PLANTED["image type"]]
        one.StudyInstanceUID, one.FrameOfReferenceUID = f"{UID_ROOT}.1.{number}", f"{UID_ROOT}.4"
        one.SeriesInstanceUID, one.SOPInstanceUID = series_uid(number), f"{UID_ROOT}.3.{number}.{k}"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.SeriesNumber, one.InstanceNumber, one.AcquisitionNumber = number, k + 1, 1
        block = one.private_block(0x0029, PLANTED["private element"], create=True)
        block.add_new(0x10, "LO", PLANTED["private element"])
    return images


def _whole() -> Objects:
    found: Objects = {}
    for number in range(1, WHOLE - 1):
        images = planted_series(number, WHOLE_SHAPE)
        found |= {f"ct {number}/{PLANTED['file']}{k}.dcm": dicom(x) for k, x in enumerate(images)}
    found["ct.zip"] = _zipped([dicom(x) for x in planted_series(WHOLE, WHOLE_SHAPE)])
    return found | {"ct.nii.gz": planted_nifti()}


def planted_nifti() -> bytes:
    """A NIfTI file with texts in its header, and a name in gzip's."""
    image = nib.Nifti1Image(made_hu(WHOLE_SHAPE, seed=99), RAS_2MM)
    for field in ("descrip", "aux_file", "db_name", "intent_name", "data_type"):
        image.header[field] = PLANTED["NIfTI header"]
    text = f"{PLANTED['NIfTI header']} {PLANTED['family name']}".encode()
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", text))
    file = io.BytesIO()
    with gzip.GzipFile(f"{PLANTED['file']}.nii", "wb", 1, file) as packed:
        packed.write(image.to_bytes())
    return file.getvalue()


def _refused() -> Objects:
    """Series whose header says something that a sentence might quote."""
    odd: dict[str, tuple[str, object]] = {
        "unit": ("RescaleType", PLANTED["rescale type"]),
        "modality": ("Modality", PLANTED["body part"]),
        "photometric": ("PhotometricInterpretation", PLANTED["comment"]),
        "spacing": ("PixelSpacing", None),
        "series uid": ("SeriesInstanceUID", PLANTED["family name"]),
        "no series uid": ("SeriesInstanceUID", None),
        "class": ("SOPClassUID", f"{UID_ROOT}.5"),
        "position": ("ImagePositionPatient", None),
    }
    found: Objects = {}
    for number, (name, (keyword, value)) in enumerate(odd.items(), 20):
        images = planted_series(number)
        for k, one in enumerate(images):
            setattr(one, keyword, value)
            found[f"{name}/{PLANTED['file']}{k}"] = dicom(one)
    return found


def _damaged() -> Objects:
    """One image in each folder, as no reader likes it."""

    def image(number: int, **texts: str) -> Dataset:
        one = planted_series(number)[0]
        for keyword, text in texts.items():
            setattr(one, keyword, text)
        return one

    deflated = image(40)
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    unknown_syntax = image(46)
    unknown_syntax.file_meta.TransferSyntaxUID = UID(f"{UID_ROOT}.9")
    whole = dicom(image(41))
    utf_8 = dicom(image(42, SpecificCharacterSet="ISO_IR 192"))
    patient_id = PLANTED["patient id"].encode()
    zipped = bytearray(_zipped([dicom(x) for x in planted_series(43)]))
    zipped[60:90] = bytes(30)
    uid = series_uid(44).encode()
    return {
        "deflated and cut off/0.dcm": dicom(deflated)[:900],
        "id as a double/0.dcm": whole.replace(b"\x10\x00\x20\x00LO", b"\x10\x00\x20\x00FD"),
        "cut behind the prefix/0.dcm": whole[:154],
        "cut within the header/0.dcm": whole[:700],
        "cut within the pixels/0.dcm": whole[:-100],
        "id of other letters/0.dcm": utf_8.replace(patient_id, patient_id[:-2] + b"\xe9\xe8"),
        "uid is a name/0.dcm": dicom(image(44)).replace(
            uid, (PLANTED["family name"].encode() + b"X" * 99)[: len(uid)]
        ),
        "unknown syntax/0.dcm": _with_unknown_syntax(unknown_syntax),
        "damaged.zip": bytes(zipped),
        "text.nii.gz": PLANTED["comment"].encode() * 100,
        "cut.nii.gz": planted_nifti()[:5000],
    }


def _with_unknown_syntax(one: Dataset) -> bytes:
    buffer = io.BytesIO()
    one.save_as(buffer, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return buffer.getvalue()


def _zipped(files: list[bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = PLANTED["comment"].encode()
        for k, file in enumerate(files):
            archive.writestr(f"{PLANTED['family name']}/{PLANTED['file']}{k}.dcm", file)
    return buffer.getvalue()
