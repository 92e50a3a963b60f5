"""The files of one DICOM CT series, as bytes, to a volume.

All refusals that need no pixel come before the first pixel is decoded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segment_actor.grid.geometry import check_grid
from segment_actor.grid.of_file import dicom_grid
from segment_actor.reading.dicom.facts import facts_of
from segment_actor.reading.dicom.grid import arrange_slices
from segment_actor.reading.dicom.header import open_dicom
from segment_actor.reading.dicom.pixels.decoding import decode_hu
from segment_actor.reading.dicom.series import check_one_ct_series, parse_slices
from segment_actor.reading.scan import Scan
from segment_actor.volume import Volume


def read_dicom(files: Sequence[bytes], names: Sequence[str] = ()) -> Scan:
    """Reads one CT series; a DICOMDIR, documents and known side files are passed over.

    Args:
        files: contents of the files of one folder, in any order.
        names: their names or paths, in the same order; without them a file that is no DICOM file
            counts as a damaged image.

    Returns:
        The volume with axes (column, row, slice), slices along the normal of the images, and the
        facts of the first slice's header.

    Raises:
        SeriesError: what is wrong with the series.
    """
    slices = parse_slices(files, names)
    check_one_ct_series(slices)
    slices, affine = arrange_slices(slices)
    rows, columns = slices[0].rows, slices[0].columns
    check_grid((columns, rows, len(slices)), affine)
    stack = np.empty((len(slices), rows, columns), np.int16)
    for k, one in enumerate(slices):
        stack[k] = decode_hu(one.file, (rows, columns))
    volume = Volume(stack.T, affine)
    first = open_dicom(slices[0].file)
    assert first is not None  # it was parsed before, but 1,000 kept headers are memory
    return Scan(volume, facts_of([first]), dicom_grid(volume))
