"""Files that hold many: zips and tars, also within each other, and what else lies in them."""

from __future__ import annotations

import gzip
import zipfile

from tests.support.hospital.damage import UNREADABLE
from tests.support.hospital.files import as_tar, as_zip, file_of, laid
from tests.support.hospital.images import Visit, ct, enhanced
from tests.support.hospital.outcome import Layout


def zip_of_a_series_with_foreign_files_first() -> Layout:
    one = ct(Visit(), "Zip")
    others = {"AUTORUN": b"x", "README": b"y", "__MACOSX/._IM0": b"\0\5\26\7", "empty/": b""}
    files = {"s.zip": as_zip(others | laid("images", one.images))}
    return Layout(files, (one.expected(),), not_images=3)


def zips_by_every_method() -> Layout:
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    series = [ct(Visit(study=f"method {method}"), f"Method {method}") for method in methods]
    files = {
        f"{method}.zip": as_zip(laid("", one.images), method)
        for method, one in zip(methods, series, strict=True)
    }
    return Layout(files, tuple(one.expected() for one in series))


def zip_under_another_name() -> Layout:
    """Told by its first bytes, as images are."""
    one, two = ct(Visit(), "No ending"), ct(Visit(study="second"), "As an image")
    files = {"export": as_zip(laid("", one.images)), "x.dcm": as_zip(laid("", two.images))}
    return Layout(files, (one.expected(), two.expected()))


def two_series_in_two_zips_that_share_names() -> Layout:
    one, two = ct(Visit(), "First"), ct(Visit(), "Second", AcquisitionNumber=2)
    files = {"a.zip": as_zip(laid("", one.images)), "b.zip": as_zip(laid("", two.images))}
    return Layout(files, (one.expected(), two.expected()))


def series_split_over_two_zips() -> Layout:
    """The second volume of an export."""
    one = ct(Visit(), "Two zips")
    first, second = (as_zip(laid("", images)) for images in (one.images[:5], one.images[5:]))
    return Layout({"export-1.zip": first, "export-2.zip": second}, (one.expected(),))


def zip_in_a_zip() -> Layout:
    """Is not opened; that it is there is said."""
    inner = as_zip(laid("", ct(Visit(), "Nested").images))
    return Layout({"outer.zip": as_zip({"inner.zip": inner})}, (UNREADABLE,), foreign=1)


def packed_in_ways_that_are_not_opened() -> Layout:
    """Each image by itself, and other containers: nobody looks in, but they are counted."""
    healthy, packed = ct(Visit(), "Healthy"), ct(Visit(study="packed"), "Packed")
    others = {f"p/{k}.dcm.gz": gzip.compress(file_of(i)) for k, i in enumerate(packed.images)}
    others |= {
        "a.7z": b"7z\xbc\xaf\x27\x1c" + bytes(200),
        "a.rar": b"Rar!\x1a\x07\x00" + bytes(200),
        "a.tar.bz2": as_tar(laid("s", packed.images), "w:bz2"),
    }
    files = laid("healthy", healthy.images) | others
    return Layout(files, (healthy.expected(),), foreign=len(others))


def zip_with_a_password() -> Layout:
    """The flag alone; a healthy series beside it."""
    data = bytearray(as_zip(laid("", ct(Visit(study="locked"), "Locked").images)))
    for signature, flags_at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + flags_at] |= 1
            at = data.find(signature, at + 4)
    healthy = ct(Visit(), "Healthy")
    files = {"locked.zip": bytes(data)} | laid("s", healthy.images)
    return Layout(files, (healthy.expected(), UNREADABLE), damaged=12)


def tars_of_all_kinds() -> Layout:
    """Plain and packed, also under the short name."""
    kinds = {"a.tar": "w", "b.tgz": "w:gz", "c.tar.gz": "w:gz"}
    series = [ct(Visit(study=name), name) for name in kinds]
    files = {
        name: as_tar(laid("s", one.images) | {"s/README": b"x"}, mode)
        for (name, mode), one in zip(kinds.items(), series, strict=True)
    }
    return Layout(files, tuple(one.expected() for one in series), not_images=len(kinds))


def enhanced_ct_in_a_zip() -> Layout:
    one = enhanced(Visit(), "Enhanced in a zip")
    return Layout({"e.zip": as_zip(laid("", one.images))}, (one.expected(),))


LAYOUTS = (
    zip_of_a_series_with_foreign_files_first,
    zips_by_every_method,
    zip_under_another_name,
    two_series_in_two_zips_that_share_names,
    series_split_over_two_zips,
    zip_in_a_zip,
    packed_in_ways_that_are_not_opened,
    zip_with_a_password,
    tars_of_all_kinds,
    enhanced_ct_in_a_zip,
)
