"""Images that are no plain axial CT, each for a reason of its own; and some that are, after all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.uid import (
    JPEGLSNearLossless,
    LegacyConvertedEnhancedCTImageStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
)

from tests.support.encodings import ENCODINGS, encoded
from tests.support.hospital.files import file_of, laid
from tests.support.hospital.images import AIR, Series, Visit, coronal, ct, enhanced, scout
from tests.support.hospital.others import contours, dose_picture, dose_report, segmentation
from tests.support.hospital.outcome import Files, Layout


def _each_in_its_folder(series: Sequence[Series]) -> Files:
    files: Files = {}
    for k, one in enumerate(series):
        files |= laid(f"{k:02}", one.images)
    return files


def _derived(description: str, *words: str, **elements: Any) -> Series:
    kind = ["DERIVED", "SECONDARY", "AXIAL", *words]
    return ct(Visit(study=description), description, ImageType=kind, **elements)


def maps_and_what_is_derived() -> Layout:
    """No attenuation: they are listed with the reason and measured only when they are asked for."""
    maps = [
        _derived("Virtual non-contrast", "VNC"),
        _derived("Iodine map that says HU", "IODINE"),
        _derived("Effective atomic number", "EFF_Z"),
    ]
    mips = [_derived("MIP of 20 mm", "MIP", SliceThickness="20")]
    captured = [
        _derived("Burnt in", BurnedInAnnotation="YES", SOPClassUID=SecondaryCaptureImageStorage)
    ]
    expected = [
        *(one.expected(why_not="map") for one in maps),
        *(one.expected(why_not="mip") for one in mips),
        *(one.expected(why_not="screenshot") for one in captured),
    ]
    return Layout(_each_in_its_folder([*maps, *mips, *captured]), tuple(expected))


def iodine_map_in_milligrams() -> Layout:
    one = _derived("Iodine in mg per ml", "IODINE", RescaleType="MGML")
    return Layout(_each_in_its_folder([one]), (one.refused("not_hounsfield", why_not="map"),))


def monoenergetic_images() -> Layout:
    """70 keV: attenuation like any CT's, though derived."""
    kind = ["DERIVED", "PRIMARY", "AXIAL", "MONOENERGETIC"]
    one = ct(Visit(), "MonoE 70 keV", ImageType=kind)
    return Layout(_each_in_its_folder([one]), (one.expected(),))


def images_of_other_machines() -> Layout:
    """A PET and an MR whose header looks like a CT's."""
    classes = {"PT": PositronEmissionTomographyImageStorage, "MR": MRImageStorage}
    series = [
        ct(Visit(study=word), word, Modality=word, SOPClassUID=sop_class)
        for word, sop_class in classes.items()
    ]
    expected = tuple(one.refused("not_ct", why_not="not_ct") for one in series)
    return Layout(_each_in_its_folder(series), expected)


def bolus_tracking() -> Layout:
    """One place again and again."""
    kind = ["ORIGINAL", "PRIMARY", "AXIAL", "PREMONITORING"]
    one = ct(Visit(), "Bolus tracking", step_mm=0.0, ImageType=kind)
    return Layout(_each_in_its_folder([one]), (one.refused("several_series", why_not="one_place"),))


def nothing_but_what_is_no_ct() -> Layout:
    """A study of which the CT itself is not there."""
    others = [dose_report(Visit()), contours(Visit()), segmentation(Visit())]
    scouts, pictures = scout(Visit()), dose_picture(Visit())
    expected = (
        *(one.expected(truth=None, why_not="not_ct") for one in others),
        scouts.expected(truth=None, why_not="localizer"),
        pictures.expected(truth=None, why_not="screenshot"),
    )
    return Layout(_each_in_its_folder([*others, scouts, pictures]), expected)


def coronal_images_alone() -> Layout:
    one = coronal(Visit())
    return Layout(_each_in_its_folder([one]), (one.expected(why_not="not_axial"),))


def enhanced_ct() -> Layout:
    one = enhanced(Visit(), "Enhanced")
    return Layout(laid("s", one.images), (one.expected(),))


def legacy_converted_enhanced_ct() -> Layout:
    """What a PACS makes of classic images to send them faster (PS3.3 A.70)."""
    one = enhanced(Visit(), "Converted", LegacyConvertedEnhancedCTImageStorage)
    return Layout(laid("s", one.images), (one.expected(),))


def every_encoding_without_loss() -> Layout:
    files: Files = {}
    expected = []
    for encoding in ENCODINGS:
        one = ct(Visit(study=encoding), encoding)
        expected.append(one.expected())
        files |= {f"{encoding}/{k}": encoded(i, encoding) for k, i in enumerate(one.images)}
    return Layout(files, tuple(expected))


def encodings_mixed_in_one_series() -> Layout:
    """A PACS that packs what is old packs some images before the others."""
    one = ct(Visit(), "Mixed")
    files = {
        f"s/{k}": encoded(image, ENCODINGS[k % len(ENCODINGS)])
        for k, image in enumerate(one.images)
    }
    return Layout(files, (one.expected(),))


def packed_with_loss() -> Layout:
    """JPEG-LS with 2 of deviation; the values are those that its decoder gives."""
    one = ct(Visit(), "Near")
    for k, image in enumerate(one.images):
        image.LossyImageCompression, image.LossyImageCompressionRatio = "01", "3"
        image.compress(JPEGLSNearLossless, jls_error=2, generate_instance_uid=False)
        one.truth.hu[:, :, k] = image.pixel_array.astype(np.int16).T - AIR
    return Layout({f"s/{k}": file_of(i) for k, i in enumerate(one.images)}, (one.expected(),))


LAYOUTS = (
    maps_and_what_is_derived,
    iodine_map_in_milligrams,
    monoenergetic_images,
    images_of_other_machines,
    bolus_tracking,
    nothing_but_what_is_no_ct,
    coronal_images_alone,
    enhanced_ct,
    legacy_converted_enhanced_ct,
    every_encoding_without_loss,
    encodings_mixed_in_one_series,
    packed_with_loss,
)
