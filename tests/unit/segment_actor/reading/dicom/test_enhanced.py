"""Enhanced CT, against highdicom's own reading of the same files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import highdicom
import numpy as np
import numpy.typing as npt
import pytest
from highdicom.legacy import LegacyConvertedEnhancedCTImage
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.dicom.volume import read_dicom
from segment_actor.volume import Affine, HuArray
from tests.support.ct_files import dicom, dicom_files, dicom_slices, made_hu

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
MOVED = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "RescaleSlope", "RescaleIntercept", "InstanceNumber", "KVP", "AcquisitionNumber",
)  # fmt: skip


def item(**elements: Any) -> Sequence:
    one = Dataset()
    for keyword, value in elements.items():
        setattr(one, keyword, value)
    return Sequence([one])


def enhanced(slices: list[Dataset], **elements: Any) -> Dataset:
    """The slices as frames of one file."""
    one = Dataset({element.tag: element for element in slices[0] if element.keyword not in MOVED})
    one.file_meta = slices[0].file_meta
    one.FrameOfReferenceUID = "1.2.3"
    one.SOPClassUID = EnhancedCTImageStorage
    one.NumberOfFrames = len(slices)
    shared = Dataset()
    shared.PixelMeasuresSequence = item(
        PixelSpacing=slices[0].PixelSpacing, SliceThickness=slices[0].SliceThickness
    )
    shared.PlaneOrientationSequence = item(
        ImageOrientationPatient=slices[0].ImageOrientationPatient
    )
    shared.CTXRayDetailsSequence = item(KVP="100")
    one.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k, slice_ in enumerate(slices):
        frame = Dataset()
        frame.PlanePositionSequence = item(ImagePositionPatient=slice_.ImagePositionPatient)
        frame.PixelValueTransformationSequence = item(
            RescaleSlope=slice_.RescaleSlope, RescaleIntercept=slice_.RescaleIntercept,
            RescaleType="HU",
        )  # fmt: skip
        frame.FrameContentSequence = item(
            StackID="1", InStackPositionNumber=k + 1, DimensionIndexValues=[1, k + 1],
            TemporalPositionIndex=1, FrameAcquisitionNumber=3,
        )  # fmt: skip
        frame.CTImageFrameTypeSequence = item(FrameType=["ORIGINAL", "PRIMARY", "AXIAL", "NONE"])
        frames.append(frame)
    one.PerFrameFunctionalGroupsSequence = Sequence(frames)
    one.PixelData = b"".join(slice_.PixelData for slice_ in slices)
    for keyword, value in elements.items():
        setattr(one, keyword, value)
    return one


def scaled_slices() -> list[Dataset]:
    """Each frame with a scale of its own."""
    slices = dicom_slices(made_hu())
    for k, one in enumerate(slices):
        one.RescaleSlope, one.RescaleIntercept = str(1 + k / 8), str(-1024 + 10 * k)
    return slices


def by_highdicom(file: bytes) -> tuple[npt.NDArray[Any], Affine]:
    """(I, J, K) and a RAS affine."""
    volume = highdicom.imread(io.BytesIO(file)).get_volume()
    turned = LPS_TO_RAS @ volume.affine
    return volume.array.T, turned[:, [2, 1, 0, 3]]


def same(hu: HuArray, affine: Affine, file: bytes) -> bool:
    """Whether highdicom has the same values at the same places, in whatever order."""
    theirs, their_affine = by_highdicom(file)
    if np.dot(their_affine[:3, 2], affine[:3, 2]) < 0:
        theirs = theirs[:, :, ::-1]
        their_affine[:3, 3] += their_affine[:3, 2] * (theirs.shape[2] - 1)
        their_affine[:3, 2] *= -1
    return np.array_equal(hu, np.rint(theirs)) and np.allclose(affine, their_affine, atol=1e-6)


def test_every_frame_lies_and_is_scaled_as_highdicom_has_it() -> None:
    file = dicom(enhanced(scaled_slices()))
    scan = read_dicom([file])
    assert same(scan.volume.hu, scan.volume.affine, file)
    classic = read_dicom(dicom_files(scaled_slices()))
    assert np.array_equal(scan.volume.hu, classic.volume.hu)
    assert np.allclose(scan.volume.affine, classic.volume.affine)


def test_facts_of_a_frame_stand_in_its_groups() -> None:
    facts = read_dicom([dicom(enhanced(dicom_slices(made_hu())))]).facts
    assert (facts.kvp, facts.slice_thickness_mm, facts.sex) == (100.0, 5.0, "F")


def test_frames_stand_in_any_order() -> None:
    order = [3, 0, 7, 1, 2, 6, 5, 4]
    file = dicom(enhanced([dicom_slices(made_hu())[k] for k in order]))
    scan = read_dicom([file])
    assert np.array_equal(scan.volume.hu, made_hu())


def test_a_legacy_converted_ct_of_an_oblique_patient_is_read_as_highdicom_does() -> None:
    slices = dicom_slices(made_hu())
    normal = np.cross([0.8, 0.6, 0], [0, 0, -1])
    for k, one in enumerate(slices):
        one.ImageOrientationPatient = [0.8, 0.6, 0, 0, 0, -1]
        one.ImagePositionPatient = [round(float(mm), 6) for mm in [5, -7, 11] + 4 * k * normal]
        one.FrameOfReferenceUID, one.InstanceNumber, one.SeriesNumber = "1.2.3", k + 1, 1
        one.PatientBirthDate = one.StudyDate = one.StudyTime = one.AccessionNumber = ""
        one.StudyID = one.ReferringPhysicianName = one.PatientPosition = one.BodyPartExamined = ""
        one.PositionReferenceIndicator, one.AcquisitionNumber, one.Laterality = "", 1, ""
        one.VolumetricProperties = "VOLUME"
    converted = LegacyConvertedEnhancedCTImage(
        slices, generate_uid(), 2, generate_uid(), 1, transfer_syntax_uid=RLELossless
    )
    buffer = io.BytesIO()
    converted.save_as(buffer)
    scan = read_dicom([buffer.getvalue()])
    assert same(scan.volume.hu, scan.volume.affine, buffer.getvalue())
    assert np.array_equal(scan.volume.hu, made_hu())


def compressed(one: Dataset, *, table: bool) -> Dataset:
    one.compress(RLELossless, generate_instance_uid=False)
    frames = list(generate_frames(one.PixelData, number_of_frames=8))
    one.PixelData = encapsulate(frames, has_bot=table)
    return one


@pytest.mark.parametrize("table", [True, False])
def test_compressed_frames_are_read(table: bool) -> None:
    one = compressed(enhanced(dicom_slices(made_hu())), table=table)
    assert np.array_equal(read_dicom([dicom(one)]).volume.hu, made_hu())


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_frames_in_other_encodings_are_read(syntax: UID) -> None:
    one = enhanced(dicom_slices(made_hu()))
    one.file_meta.TransferSyntaxUID = syntax
    assert np.array_equal(read_dicom([dicom(one)]).volume.hu, made_hu())


def parts(total: int | None) -> list[bytes]:
    """A CT in two files."""
    slices = dicom_slices(made_hu())
    halves = [enhanced(slices[:3]), enhanced(slices[3:])]
    for number, one in enumerate(halves):
        one.SOPInstanceUID = f"1.2.3.{number}"
        if total:
            one.ConcatenationUID, one.InConcatenationNumber = "1.2.3.9", number + 1
            one.InConcatenationTotalNumber = total
    return [dicom(one) for one in halves]


@pytest.mark.parametrize("total", [2, None])
def test_a_ct_in_two_files_is_one_volume(total: int | None) -> None:
    first, second = parts(total)
    assert np.array_equal(read_dicom([second, first, second]).volume.hu, made_hu())


def test_a_part_that_is_missing_is_noticed() -> None:
    with pytest.raises(SeriesError, match="spread over 3 files, and 2 are there") as refusal:
        read_dicom(parts(3))
    assert refusal.value.code is FailureCode.MISSING_SLICE


def in_frame(k: int, keyword: str, **elements: Any) -> Callable[[Dataset], None]:
    def change(one: Dataset) -> None:
        for name, value in elements.items():
            setattr(one.PerFrameFunctionalGroupsSequence[k][keyword][0], name, value)

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (in_frame(3, "FrameContentSequence", StackID="2"), FailureCode.SEVERAL_SERIES),
        (in_frame(3, "FrameContentSequence", TemporalPositionIndex=2), FailureCode.SEVERAL_SERIES),
        (
            in_frame(3, "PlanePositionSequence", ImagePositionPatient=[-100, -50, 10]),
            FailureCode.SEVERAL_SERIES,
        ),
        (
            in_frame(3, "PlanePositionSequence", ImagePositionPatient=[-100, -50, 24]),
            FailureCode.MISSING_SLICE,
        ),
        (
            in_frame(3, "PixelValueTransformationSequence", RescaleType="MGML"),
            FailureCode.NOT_HOUNSFIELD,
        ),
        (
            in_frame(3, "CTImageFrameTypeSequence", FrameType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
            FailureCode.LOCALIZER,
        ),
        (
            lambda one: one.PerFrameFunctionalGroupsSequence.__delitem__(7),
            FailureCode.UNREADABLE_FILE,
        ),
        (
            lambda one: one.__delattr__("PerFrameFunctionalGroupsSequence"),
            FailureCode.UNREADABLE_FILE,
        ),
        (
            lambda one: one.PerFrameFunctionalGroupsSequence[2].__delattr__(
                "PlanePositionSequence"
            ),
            FailureCode.BAD_AFFINE,
        ),
        (lambda one: setattr(one, "NumberOfFrames", 1_000_000), FailureCode.UNREADABLE_FILE),
        (lambda one: setattr(one, "PixelData", one.PixelData[:-2]), FailureCode.TRUNCATED_FILE),
        (lambda one: one.__delattr__("PixelData"), FailureCode.TRUNCATED_FILE),
        (lambda one: setattr(one, "Modality", "MR"), FailureCode.NOT_CT),
    ],
)  # fmt: skip
def test_what_is_no_volume_has_its_code(
    change: Callable[[Dataset], Any], code: FailureCode
) -> None:
    one = enhanced(dicom_slices(made_hu()))
    change(one)
    with pytest.raises(SeriesError) as refusal:
        read_dicom([dicom(one)])
    assert refusal.value.code is code


@pytest.mark.parametrize("form", ["plain", "compressed"])
def test_a_file_cut_anywhere_is_refused(form: str) -> None:
    one = enhanced(dicom_slices(made_hu()))
    file = dicom(compressed(one, table=True) if form == "compressed" else one)
    for length in range(200, len(file) - 1, 97):
        with pytest.raises(SeriesError):
            read_dicom([file[:length]])


def test_altered_bytes_are_read_or_refused_and_nothing_else() -> None:
    file = dicom(enhanced(dicom_slices(made_hu())))
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        data = bytearray(file)
        for _ in range(rng.integers(1, 5)):
            data[rng.integers(132, len(data) - 8 * 6 * 7 * 2)] = rng.integers(256)
        try:
            assert read_dicom([bytes(data)]).volume.shape == made_hu().shape
        except SeriesError:
            refused += 1
    assert 0 < refused < 300
