"""Small CTs as the bytes of NIfTI and DICOM files, for tests."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from segment_actor.volume import Affine, HuArray

RAS_2MM: Affine = np.diag([2.0, 2.0, 2.0, 1.0])
UID_ROOT = "1.2.826.0.1.3680043.10.1234"
SERIES_UID = f"{UID_ROOT}.1"
IDENTIFYING = ("Secret", UID_ROOT)
"""Of the headers below, and of the texts that tests plant: no sentence may quote them."""


def made_hu(shape: tuple[int, int, int] = (6, 7, 8), seed: int = 0) -> HuArray:
    """(I, J, K): noise over the whole range of a CT, so that no two voxels are alike."""
    values = np.random.default_rng(seed).integers(-1000, 1500, shape)
    return values.astype(np.int16)


def nifti(voxels: npt.NDArray[Any], affine: Affine = RAS_2MM) -> bytes:
    """An uncompressed NIfTI-1 file with its sform set."""
    data: bytes = nib.Nifti1Image(voxels, affine).to_bytes()
    return data


def header(**elements: Any) -> Dataset:
    """A data set of these elements, whatever their values."""
    dataset = Dataset()
    with pydicom.config.disable_value_validation():
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
    return dataset


def dicom_slices(hu: HuArray, spacing_mm: tuple[float, float, float] = (2, 3, 4)) -> list[Dataset]:
    """One header with pixels for each slice along K; I is the column, J the row, both LPS.

    Args:
        hu: (I, J, K).
        spacing_mm: distance of columns, of rows, and of slices.
    """
    return [_dicom_slice(hu[:, :, k], spacing_mm, k) for k in range(hu.shape[2])]


def _dicom_slice(hu: HuArray, spacing_mm: tuple[float, float, float], k: int) -> Dataset:
    slice_ = Dataset()
    slice_.SOPClassUID = CTImageStorage
    slice_.SOPInstanceUID = f"{SERIES_UID}.{k + 1}"
    slice_.file_meta = FileMetaDataset()
    slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID
    slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slice_.SeriesInstanceUID = SERIES_UID
    slice_.StudyInstanceUID = "1.2.826.0.1.3680043.10.1234.2"
    slice_.Modality = "CT"
    slice_.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    slice_.PatientID, slice_.PatientName = "secret-id", "Secret^Name"
    slice_.PatientAge, slice_.PatientSex = "063Y", "F"
    slice_.Manufacturer, slice_.ManufacturerModelName = "Maker", "Model X"
    slice_.KVP, slice_.SliceThickness = "120", "5"
    slice_.ContrastBolusAgent = "Iohexol"
    slice_.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    slice_.ImagePositionPatient = [-100, -50, 10 + k * spacing_mm[2]]
    slice_.PixelSpacing = [spacing_mm[1], spacing_mm[0]]  # rows first
    slice_.Columns, slice_.Rows = hu.shape
    slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
    slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit = 16, 16, 15
    slice_.PixelRepresentation = 0
    slice_.RescaleSlope, slice_.RescaleIntercept = "1", "-1024"
    slice_.PixelData = (hu.T.astype(np.int32) + 1024).astype("<u2").tobytes()
    return slice_


def dicom(slice_: Dataset) -> bytes:
    """The file of one slice."""
    slice_.file_meta.MediaStorageSOPClassUID = slice_.SOPClassUID
    buffer = io.BytesIO()
    slice_.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dicom_files(slices: Sequence[Dataset]) -> list[bytes]:
    """The files of a series."""
    return [dicom(one) for one in slices]


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)  # dated 1980: the same bytes every time
            archive.writestr(entry, content, method)
    return buffer.getvalue()
