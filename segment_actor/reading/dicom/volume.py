"""The files of one DICOM CT series, as bytes, to a volume.

All refusals that need no pixel come before the first pixel is decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segment_actor.grid.geometry import check_grid
from segment_actor.grid.of_file import dicom_grid
from segment_actor.reading.dicom.completeness import check_complete, check_not_thinned
from segment_actor.reading.dicom.copies import check_copies, key_of, take_one_of_copies
from segment_actor.reading.dicom.enhanced import check_parts
from segment_actor.reading.dicom.facts.scan_facts import facts_of
from segment_actor.reading.dicom.file.header import first_number, quiet_pydicom
from segment_actor.reading.dicom.geometry.grid import arrange, check_tilt
from segment_actor.reading.dicom.geometry.tilt import NO_TILT, OUTSIDE_HU
from segment_actor.reading.dicom.pixels.decoding import decode_hu
from segment_actor.reading.dicom.series import File, check_one_ct_series, parse_files
from segment_actor.reading.hounsfield import AIR_HU
from segment_actor.reading.scan import Scan
from segment_actor.volume import Volume


def read_dicom(
    files: Sequence[bytes], names: Sequence[str] = (), *, left_out: int = 0, elsewhere: int = 0
) -> Scan:
    """Reads one CT; a DICOMDIR, documents and known side files are passed over.

    Args:
        files: contents of the files of one folder, in any order.
        names: their names or paths, in the same order; without them a file that is no DICOM file
            counts as a damaged image.
        left_out: images of the same series that belong to no volume of it, such as a scout, and
            are not among the files.
        elsewhere: images of the same series that are another volume of it, such as a phase.

    Returns:
        The volume with axes (column, row, slice), slices along the normal of the images, and the
        facts of the first slice's header.

    Raises:
        SeriesError: what is wrong with the series.
    """
    return read_files(parse_files(files, names), left_out=left_out, elsewhere=elsewhere)


@quiet_pydicom()
def read_files(files: Sequence[File], *, left_out: int = 0, elsewhere: int = 0) -> Scan:
    """Reads the CT of files whose headers are known. As `read_dicom`."""
    slices = [one for file in files for one in file.slices()]
    check_one_ct_series(slices)
    slices, copies = take_one_of_copies(slices)
    objects = {one.image.sop_uid: one for one in slices}.values()
    check_parts([one.header for one in objects])
    check_complete([one.image.numbers for one in objects], left_out + elsewhere)
    place = arrange([one.image for one in slices])
    slices = [slices[n] for n in place.order]
    header = slices[0].header
    if not elsewhere:
        check_not_thinned(
            [one.image.instance_number for one in slices],
            float(np.linalg.norm(place.affine[:3, 2])),
            slices[0].image.slice_thickness_mm,
        )
    check_tilt(place.tilt, first_number(header, "GantryDetectorTilt"))
    rows, columns = slices[0].image.rows, slices[0].image.columns
    shape = place.tilt.straight_shape((columns, rows, len(slices)))
    affine = place.tilt.straight_affine(place.affine, len(slices))
    check_grid(shape, affine)
    outside_hu = AIR_HU if place.tilt == NO_TILT else OUTSIDE_HU
    stack = np.empty(shape[::-1], np.int16)
    for k, one in enumerate(slices):
        hu = decode_hu(one.with_pixels(), (rows, columns), outside_hu)
        check_copies(hu, copies[key_of(one)], outside_hu)
        stack[k] = hu if place.tilt == NO_TILT else place.tilt.shifted(hu, k, shape)
    volume = Volume(stack.T, affine)
    facts = replace(
        facts_of([one.header for one in objects]),
        tilt_corrected_deg=round(place.tilt.degrees, 2) or None,
        images_left_out=left_out,
    )
    return Scan(volume, facts, dicom_grid(volume))
