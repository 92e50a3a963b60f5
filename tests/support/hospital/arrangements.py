"""One study, and all the ways in which its files may lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.support.hospital.files import (
    as_cd,
    as_tar,
    as_zip,
    by_uid,
    file_of,
    flat,
    laid,
    random_name,
)
from tests.support.hospital.images import Series, Visit, coronal, ct, scout
from tests.support.hospital.others import contours, dose_picture, dose_report, segmentation
from tests.support.hospital.outcome import Expected, Files, Layout


def reconstructions(visit: Visit) -> list[Series]:
    """Of one acquisition: thick, thin, thin with a sharp kernel, coronal."""
    return [
        ct(visit, "Thick 4.0 B30f"),
        ct(visit, "Thin 2.0 B30f", slices=23, step_mm=2.0, SeriesNumber=3),
        ct(
            visit, "Thin 2.0 B70f", slices=23, step_mm=2.0, SeriesNumber=4, ConvolutionKernel="B70f"
        ),
        coronal(visit),
    ]


def beside(visit: Visit) -> list[tuple[Series, str]]:
    """What else a study has, and why it is not measured."""
    return [
        (scout(visit), "localizer"),
        (dose_picture(visit), "screenshot"),
        (dose_report(visit), "not_ct"),
        (contours(visit), "not_ct"),
        (segmentation(visit), "not_ct"),
    ]


def whole_study(visit: Visit) -> tuple[list[Series], tuple[Expected, ...]]:
    """All of it: thick and sharp give way to the thin soft one, which is nearest to 1.5 mm."""
    thick, thin, sharp, oblique = reconstructions(visit)
    expected = [
        thick.expected(why_not="other_reconstruction"),
        thin.expected(),
        sharp.expected(why_not="other_reconstruction"),
        oblique.expected(why_not="not_axial"),
    ]
    others = beside(visit)
    expected += [each.expected(truth=None, why_not=reason) for each, reason in others]
    return [thick, thin, sharp, oblique, *(each for each, _ in others)], tuple(expected)


def study_with_a_folder_for_each_series() -> Layout:
    series, expected = whole_study(Visit())
    files: Files = {}
    for k, each in enumerate(series):
        files |= laid(f"Zzmuster Maria/CT 2021-03-05/series {k}", each.images)
    return Layout(files, expected)


def study_flat_with_random_names() -> Layout:
    """What a storage SCP or an export of a PACS leaves."""
    series, expected = whole_study(Visit())
    return Layout(flat("STUDY", series), expected)


def study_with_files_named_by_their_uids() -> Layout:
    series, expected = whole_study(Visit())
    images = [one for each in series for one in each.images]
    return Layout(laid("2021", images, by_uid), expected)


def study_split_after_every_14_files() -> Layout:
    series, expected = whole_study(Visit())
    images = [one for each in series for one in each.images]
    files: Files = {}
    for start in range(0, len(images), 14):
        files |= laid(f"{start // 14:04}", images[start : start + 14])
    return Layout(files, expected)


def study_hashed_over_folders() -> Layout:
    """The storage area of Orthanc, of dcm4chee, of the cloud."""
    series, expected = whole_study(Visit())
    files: Files = {}
    for each in series:
        for k, one in enumerate(each.images):
            name = random_name(k, one)
            files[f"{int(name[:2], 16) % 3:02}/{name[2:4]}/{name}"] = file_of(one)
    return Layout(files, expected)


def study_with_a_folder_for_each_file() -> Layout:
    series, expected = whole_study(Visit())
    images = [one for each in series for one in each.images]
    return Layout({f"{k:04}/image": file_of(one) for k, one in enumerate(images)}, expected)


def study_on_a_cd_with_a_viewer() -> Layout:
    series, expected = whole_study(Visit())
    viewer = {
        "AUTORUN.INF": b"[autorun]\nopen=VIEWER\\RUN.EXE\n",
        "VIEWER/RUN.EXE": b"MZ" + bytes(200),
        "VIEWER/HELP.CHM": b"ITSF" + bytes(60),
        "VIEWER/LICENSE": b"All rights reserved.",
        "README.TXT": b"Insert this CD into your drive.",
    }
    files = as_cd(series)
    assert "DICOMDIR" in files
    return Layout(files | viewer, expected, not_images=len(viewer) + 1)


def study_in_a_zip() -> Layout:
    layout = study_with_a_folder_for_each_series()
    return replace(layout, files={"export.zip": as_zip(layout.files)})


def study_in_a_zip_without_folders() -> Layout:
    layout = study_flat_with_random_names()
    inside = {path.partition("/")[2]: file for path, file in layout.files.items()}
    return replace(layout, files={"Export.ZIP": as_zip(inside)})


def study_in_a_tar() -> Layout:
    layout = study_with_a_folder_for_each_series()
    return replace(layout, files={"export.tar": as_tar(layout.files)})


def study_in_a_packed_tar() -> Layout:
    layout = study_with_a_folder_for_each_series()
    return replace(layout, files={"export.tar.gz": as_tar(layout.files, "w:gz")})


def study_in_a_zip_for_each_series() -> Layout:
    series, expected = whole_study(Visit())
    files = {f"study/{k}.zip": as_zip(laid("", each.images)) for k, each in enumerate(series)}
    return Layout(files, expected)


def study_split_over_a_folder_and_a_zip() -> Layout:
    """An export that was broken off and finished another way."""
    series, expected = whole_study(Visit())
    images = [one for each in series for one in each.images]
    rest = as_zip(laid("rest", images[30:], random_name))
    return Layout(laid("first", images[:30]) | {"rest.zip": rest}, expected)


SEVEN: tuple[Callable[[], Layout], ...] = (
    study_with_a_folder_for_each_series,
    study_flat_with_random_names,
    study_split_after_every_14_files,
    study_hashed_over_folders,
    study_with_a_folder_for_each_file,
    study_on_a_cd_with_a_viewer,
    study_in_a_zip,
)
"""The same study: the same keys and the same numbers, whichever of them it is."""

LAYOUTS = (
    *SEVEN,
    study_with_files_named_by_their_uids,
    study_in_a_zip_without_folders,
    study_in_a_tar,
    study_in_a_packed_tar,
    study_in_a_zip_for_each_series,
    study_split_over_a_folder_and_a_zip,
)
