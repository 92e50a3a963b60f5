"""Images that are there more than once, and series that are not all there."""

from __future__ import annotations

from pydicom.dataset import Dataset

from tests.support.encodings import encoded
from tests.support.hospital.files import as_zip, file_of, laid
from tests.support.hospital.images import Visit, ct, set_elements
from tests.support.hospital.outcome import Layout


def series_twice() -> Layout:
    one = ct(Visit(), "Twice")
    return Layout(laid("a", one.images) | laid("b", one.images), (one.expected(),))


def series_twice_and_the_first_copy_is_not_whole() -> Layout:
    one = ct(Visit(), "Twice")
    return Layout(laid("a", one.images[:7]) | laid("b", one.images), (one.expected(),))


def two_halves_of_a_series_that_overlap() -> Layout:
    """Neither copy is whole; together they are."""
    one = ct(Visit(), "Halves")
    return Layout(laid("a", one.images[:8]) | laid("b", one.images[5:]), (one.expected(),))


def series_in_a_folder_and_in_a_zip() -> Layout:
    one = ct(Visit(), "Twice")
    return Layout(
        laid("a", one.images) | {"a.zip": as_zip(laid("", one.images))}, (one.expected(),)
    )


def some_images_twice_under_other_names() -> Layout:
    """A second C-STORE; a copy made by hand."""
    one = ct(Visit(), "Doubled")
    again = laid("s", one.images[5:9], lambda k, _: f"IM{k:05} - Kopie (2).dcm")
    return Layout(laid("s", one.images) | again, (one.expected(),))


def some_images_twice_with_other_words_in_the_header() -> Layout:
    """A PACS that corrects a description changes the copies it hands out from then on."""
    one = ct(Visit(), "Corrected")
    files = laid("s", one.images)
    for image in one.images[5:9]:
        set_elements(image, {"InstitutionName": "ZZHOSPITAL 2", "StudyDescription": "corrected"})
    return Layout(files | laid("t", one.images[5:9]), (one.expected(),))


def some_images_twice_once_packed() -> Layout:
    """The same pixels in JPEG-LS."""
    one = ct(Visit(), "Packed again")
    files = laid("s", one.images)
    again = {f"t/{k}": encoded(image, "jpeg_ls") for k, image in enumerate(one.images[5:9])}
    return Layout(files | again, (one.expected(),))


def some_images_twice_with_other_pixels() -> Layout:
    """Nobody can tell which of them is right."""
    one = ct(Visit(), "Altered")
    files = laid("s", one.images)
    _blacken(one.images[6])
    return Layout(files | laid("t", [one.images[6]]), (one.refused("copies_differ"),))


def some_images_twice_at_another_place() -> Layout:
    """Likewise."""
    one = ct(Visit(), "Moved")
    files = laid("s", one.images)
    one.images[6].ImagePositionPatient = one.images[7].ImagePositionPatient
    return Layout(files | laid("t", [one.images[6]]), (one.refused("copies_differ"),))


def series_that_lost_a_slice_inside() -> Layout:
    whole = ct(Visit(), "Gap")
    one = whole.but(whole.images[:5] + whole.images[6:])
    return Layout(laid("s", one.images), (one.refused("missing_slice"),))


def series_that_lost_its_end_and_says_so() -> Layout:
    """Number of Series Related Instances, which some archives write on export."""
    whole = ct(Visit(), "Broken off", slices=14, NumberOfSeriesRelatedInstances=14)
    one = whole.but(whole.images[:12])
    return Layout(laid("s", one.images), (one.refused("missing_slice"),))


def series_whose_missing_slice_lies_elsewhere() -> Layout:
    """Under the name of a backup: it is found all the same."""
    one = ct(Visit(), "Strayed")
    stray: list[Dataset] = [one.images.pop(6)]
    files = laid("s", one.images) | {"backup/2021/x.bak": file_of(stray[0])}
    return Layout(files, (one.expected(images=12),))


LAYOUTS = (
    series_twice,
    series_twice_and_the_first_copy_is_not_whole,
    two_halves_of_a_series_that_overlap,
    series_in_a_folder_and_in_a_zip,
    some_images_twice_under_other_names,
    some_images_twice_with_other_words_in_the_header,
    some_images_twice_once_packed,
    some_images_twice_with_other_pixels,
    some_images_twice_at_another_place,
    series_that_lost_a_slice_inside,
    series_that_lost_its_end_and_says_so,
    series_whose_missing_slice_lies_elsewhere,
)


def _blacken(one: Dataset) -> None:
    one.PixelData = bytes(len(one.PixelData))
