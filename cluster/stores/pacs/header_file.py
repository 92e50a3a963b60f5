"""A header in DICOM JSON (PS3.18, annex F) as a DICOM file without pixels (PS3.10).

Written by hand, as pydicom refuses a whole header for one value that is malformed, and quotes the
value in a warning. Here an element whose value cannot be written is left out and the others stay:
who needs it says so. What the PACS keeps apart (BulkDataURI: pixels, large private elements) is
left out too. Texts become UTF-8, which is what JSON has, whatever character set the image is in.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Final

_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}")

_NUMBERS: Final = {
    "FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q",
}  # fmt: skip
"""struct's letter for each type of number."""

_TEXTS: Final = frozenset(
    "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split()  # noqa: SIM905  # reads as PS3.5 has it
)
_BYTES: Final = frozenset("OB OD OF OL OV OW UN".split())  # noqa: SIM905  # likewise

_SHORT: Final = frozenset(
    "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()  # noqa: SIM905  # likewise
)
"""Types whose length has 16 bits (PS3.5, 7.1.2)."""

_CHARACTER_SET, _UTF_8 = "00080005", "ISO_IR 192"

_PERSON: Final = ("Alphabetic", "Ideographic", "Phonetic")

_MALFORMED: Final = (ValueError, TypeError, KeyError, struct.error, RecursionError)

_EXPLICIT_LITTLE_ENDIAN: Final = b"1.2.840.10008.1.2.1\0"


def header_file(header: Mapping[str, object]) -> bytes:
    """A file in explicit little endian.

    Args:
        header: tag (8 hexadecimal digits) to type ("vr") and content; numbers may be texts.

    Returns:
        Its elements in the order of their tags, in sequences too.
    """
    meta = b"".join(
        (
            _element("00020001", "OB", b"\0\1"),
            _element("00020010", "UI", _EXPLICIT_LITTLE_ENDIAN),
        )
    )
    length = _element("00020000", "UL", struct.pack("<I", len(meta)))
    named = {**header, _CHARACTER_SET: {"vr": "CS", "Value": [_UTF_8]}}
    return b"".join((bytes(128), b"DICM", length, meta, _data_set(named)))


def _data_set(header: Mapping[str, object]) -> bytes:
    return b"".join(_elements(header))


def _elements(header: Mapping[str, object]) -> Iterator[bytes]:
    for tag in sorted(header, key=str.upper):
        described = header[tag]
        group = tag[:4].upper()
        if not _TAG.fullmatch(tag) or group <= "0007" or not isinstance(described, dict):
            continue
        try:
            vr = str(described["vr"])
            yield _element(tag, vr, _content(vr, described))
        except _MALFORMED:
            continue


def _content(vr: str, described: Mapping[str, object]) -> bytes:
    """The bytes of a value.

    Raises:
        _MALFORMED: it cannot be written, or is kept apart.
    """
    if "BulkDataURI" in described:
        raise ValueError
    if vr in _BYTES:
        inline = described.get("InlineBinary", "")
        text = inline[0] if isinstance(inline, list) else inline  # PS3.18 has both
        return base64.b64decode(str(text), validate=True)
    values = described.get("Value", [])
    if not isinstance(values, list):
        raise TypeError
    if vr == "SQ":
        return b"".join(map(_item, values))
    if vr == "AT":
        return b"".join(struct.pack("<HH", *divmod(int(str(one), 16), 2**16)) for one in values)
    if vr in _NUMBERS:
        number = float if vr in ("FD", "FL") else int
        return b"".join(struct.pack(f"<{_NUMBERS[vr]}", number(one)) for one in values)
    if vr in _TEXTS:
        joined = "\\".join(_text(vr, one) for one in values)
        return joined.encode("utf-8", "replace")
    raise ValueError


def _text(vr: str, value: object) -> str:
    if value is None:
        return ""
    if vr == "PN" and isinstance(value, dict):
        return "=".join(str(value.get(part, "")) for part in _PERSON).rstrip("=")
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError


def _item(header: object) -> bytes:
    """One item of a sequence; a missing one is empty. Its character set is that of the file."""
    elements = header if isinstance(header, dict) else {}
    content = _data_set({tag: elements[tag] for tag in elements if tag != _CHARACTER_SET})
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def _element(tag: str, vr: str, content: bytes) -> bytes:
    """One element, of even length.

    Raises:
        struct.error: its content is longer than the type may be.
    """
    padded = content + (b"\0" if vr in _BYTES or vr == "UI" else b" ") * (len(content) % 2)
    place = struct.pack("<HH", int(tag[:4], 16), int(tag[4:], 16)) + vr.encode("ascii")
    if vr in _SHORT:
        return place + struct.pack("<H", len(padded)) + padded
    return place + struct.pack("<HI", 0, len(padded)) + padded
