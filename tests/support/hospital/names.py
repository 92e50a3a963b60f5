"""Names of files and folders as they are found, and what else lies between the images."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

from tests.support.ct_files import nifti
from tests.support.hospital.files import Naming, as_cd, by_uid, laid
from tests.support.hospital.images import Visit, ct
from tests.support.hospital.outcome import Expected, Files, Layout

NAMINGS: dict[str, Naming] = {
    "dicom": lambda k, _: f"{k}.dicom",
    "img": lambda k, _: f"{k}.img",
    "upper": lambda k, _: f"{k}.DCM",
    "ima": lambda k, _: f"ABD.CT.0002.{k:04}.2021.03.05.10.15.00.{k * 7919}.IMA",
    "uids": by_uid,
    "uids_with_prefix": lambda k, one: f"CT.{by_uid(k, one)}",
    "hexadecimal": lambda k, _: f"CT.{k}.a{k:03x}f",
    "ge": lambda k, _: f"i{k + 4815162}.CTDC.{k + 1}",
    "agfa": lambda k, _: f"{k:08}",
    "eight": lambda k, _: f"A{k:07}",
    "iso9660": lambda k, _: f"IMG{k:05};1",
    "spaces": lambda k, _: f" Image {k} ",
    "points": lambda k, _: f"image.{k}.",
    "acr": lambda k, _: f"{k}.acr",
    "dc3": lambda k, _: f"{k}.dc3",
    "zips": lambda k, _: f"{k}.zip",
    "dicomdir": lambda k, _: f"{k}.dicomdir",
    "newline": lambda k, _: f"image\n{k}",
    "quotes": lambda k, _: f'it\'s "{k}" 100%?*[a-c]#&',
    "umlauts": lambda k, _: f"Schädel-Übersicht {k}",
    "decomposed": lambda k, _: unicodedata.normalize("NFD", f"Schädel-Übersicht {k}"),
    "japanese": lambda k, _: f"腹部造影CT {k}.dcm",
}
"""What a file is called says nothing of what it is: it is looked into."""


def files_of_any_name() -> Layout:
    """A folder for each kind of name."""
    return _named(NAMINGS)


def _named(namings: dict[str, Naming]) -> Layout:
    files: Files = {}
    expected = []
    for folder, name in namings.items():
        one = ct(Visit(study=folder), folder)
        files |= laid(folder, one.images, name)
        expected.append(one.expected())
    return Layout(files, tuple(expected))


SIDE_NAMINGS: dict[str, Naming] = {
    "pictures": lambda k, _: f"{k}.jpg",
    "texts": lambda k, _: f"{k}.dcm.txt",
    "documents": lambda k, _: ("README", "LICENSE", "VERSION")[k] if k < 3 else f"{k}",
}
"""Names of what is no image, mostly; these are."""


def files_named_as_what_is_no_image() -> Layout:
    """What was sent by mail, and what numbers everything it holds."""
    return _named(SIDE_NAMINGS)


def folders_of_any_name() -> Layout:
    """Long, deep, with spaces at their ends, in all alphabets."""
    folders = {
        "deep": "/".join(f"{n}-".ljust(64, "x") for n in range(12)),
        "spaces": " Zzmuster, Maria / CT Thorax  ",
        "point": "Study 1.2.840.113619/series.",
        "uppercase": "DICOM/PA000001/ST000001/SE000001",
        "like a zip": "export.zip/images.tar.gz",
        "like a NIfTI": "ct.nii.gz",
        "umlauts": "Müller, Jürgen/Schädel",
        "hashes": "ab/cd/ef/0123456789",
    }
    files: Files = {}
    expected = []
    for study, folder in folders.items():
        one = ct(Visit(study=study), study)
        files |= laid(folder, one.images)
        expected.append(one.expected())
    return Layout(files, tuple(expected))


def _with_others(others: Files, *, folder: str = "s", **what: Any) -> Layout:
    one = ct(Visit(), "Among others")
    return Layout(laid(folder, one.images) | others, (one.expected(),), **what)


def foreign_files_before_the_images() -> Layout:
    """Who asks the first file for the patient gets no answer."""
    others = {"s/AUTORUN": b"x", "s/CHANGES": b"y", "s/COPYING": b"", "t/LICENSE": b"no CT here"}
    return _with_others(others, not_images=4)


def what_computers_leave_behind() -> Layout:
    """Apple's forks and lists of folders, Windows' thumbnails, Synology's, NFS's, Linux's."""
    others = {
        ".DS_Store": b"\0\0\0\1Bud1" + bytes(60),
        "s/._IM00003.dcm": b"\0\5\26\7\0\2\0\0Mac OS X" + bytes(60),
        "__MACOSX/s/._IM00004.dcm": b"\0\5\26\7\0\2\0\0Mac OS X" + bytes(60),
        "s/Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60),
        "s/desktop.ini": b"[.ShellClassInfo]\r\n",
        "s/@eaDir/IM00003.dcm@SynoEAStream": bytes(40),
        "s/.keep": b"",
        "s/.gitkeep": b"",
        "s/.nfs0000000000abcdef": bytes(40),
        "lost+found/.empty": b"",
    }
    layout = _with_others(others, not_images=len(others) - 1, foreign=1)
    return replace(layout, empty_folders=("empty", "s/also empty", "lost+found/more"))


def what_exports_put_beside() -> Layout:
    """Sums, tables, pictures, reports, side files of converters."""
    others = {
        "s/VERSION": b"7.1",
        "s/md5sums": b"d41d8cd98f00b204e9800998ecf8427e  IM00000.dcm\n",
        "s/IM00001.json": b"{}",
        "s/report.pdf": b"%PDF-1.4\n",
        "s/key image.jpg": b"\xff\xd8\xff\xe0" + bytes(40),
        "metadata.csv": b"PatientID,StudyDate\nZZMRN-4711,20210305\n",
        "s/series.xml": b"<?xml version='1.0'?><series/>",
        "s/notes.txt": b"the patient moved",
    }
    return _with_others(others, not_images=len(others))


def empty_placeholders_beside() -> Layout:
    """Files of 0 bytes under names of documents. Under the name of an image it would be damage."""
    return _with_others({"s/README": b"", "s/done.txt": b"", "s/.nomedia": b""}, not_images=3)


def directories_of_media_everywhere() -> Layout:
    """DICOMDIR as it is, in small letters, and of a CD that was copied into another's folder."""
    one = ct(Visit(), "Copied")
    directory = as_cd([one])["DICOMDIR"]
    others = {"dicomdir": directory, "s/DICOMDIR": directory, "s/DICOMDIR.bak": directory}
    return _with_others(others, not_images=3)


def links_to_files_and_folders() -> Layout:
    """The images lie once, and are pointed at: a farm of links by day, and one that goes round."""
    one = ct(Visit(), "Linked")
    files = laid("store", one.images)
    links = {"by day/2021-03-05/s": "store", "store/again": "store", "first.dcm": next(iter(files))}
    return Layout(files, (one.expected(),), links=links)


def deleted_files_in_the_bin() -> Layout:
    """What a user has thrown away is hidden, and is not measured."""
    thrown = ct(Visit(study="thrown away"), "Thrown away")
    bin_ = laid(".Trash-1000/files", thrown.images)
    return _with_others(bin_, not_images=len(bin_))


def a_nifti_beside_its_images() -> Layout:
    """Converted from them. Nobody can tell that, so both are listed."""
    one = ct(Visit(), "Converted")
    data = nifti(one.truth.hu, one.truth.affine)
    also = Expected("", 1, one.truth)
    return Layout(laid("s", one.images) | {"s/ct.nii": data}, (one.expected(), also))


def names_in_other_character_sets() -> Layout:
    """Of patients: declared, declared as another, not declared at all."""
    visits = {
        "utf8": Visit("ZZMRN-Ä", "Zzmuster^Zoë=山田^太郎", "utf8", "ISO_IR 192"),
        "latin": Visit("ZZMRN-É", "Zzmuster^É", "latin", "ISO_IR 100"),
        "kanji": Visit("ZZMRN-3", "Zzmuster^Taro=山田^太郎", "kanji", "\\ISO 2022 IR 87"),
        "greek": Visit("ZZMRN-4", "Zzmuster^Ωμέγα", "greek", "ISO_IR 126"),
    }
    files: Files = {}
    expected = []
    for name, visit in visits.items():
        one = ct(visit, name)
        files |= laid(name, one.images)
        expected.append(one.expected())
    undeclared = ct(Visit(study="undeclared"), "undeclared")
    expected.append(undeclared.expected(patient="ZZMRN-\xe9\xe8"))
    files |= {
        path: file.replace(b"ZZMRN-4711", b"ZZMRN-\xe9\xe8  ")
        for path, file in laid("undeclared", undeclared.images).items()
    }
    return Layout(files, tuple(expected))


LAYOUTS = (
    files_of_any_name,
    files_named_as_what_is_no_image,
    folders_of_any_name,
    foreign_files_before_the_images,
    what_computers_leave_behind,
    what_exports_put_beside,
    empty_placeholders_beside,
    directories_of_media_everywhere,
    links_to_files_and_folders,
    deleted_files_in_the_bin,
    a_nifti_beside_its_images,
    names_in_other_character_sets,
)
