"""What can happen to a NIfTI file on its way: to its header, its voxels, its compression."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

Damage = Callable[[np.random.Generator, bytearray], None]
"""Changes an uncompressed file in place."""

_FLOATS = (0.0, -0.0, 1.0, -1.0, 2.0, 1e-3, 1e3, 1e-45, 1e-30, 1e30, 3e38, np.inf, -np.inf, np.nan)
_INTS = (0, 1, -1, 2, 3, 4, 5, 7, 8, 16, 64, 127, 128, 255, 256, 512, 32767, -32768, 2**31 - 1)
_TYPES = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 511, 512, 768, 1024, 1280, 1536, 1792, 2048, 2304)


def fields(raw: bytearray) -> npt.NDArray[Any]:
    """(1,) the header's fields, as a view into the file: what is written there is changed there."""
    version = nib.Nifti2Header if 540 in _own_size(raw) else nib.Nifti1Header
    little = int.from_bytes(raw[:4], "little") in (348, 540)
    return np.frombuffer(raw, version.template_dtype.newbyteorder("<" if little else ">"), 1)


def _own_size(raw: bytearray) -> tuple[int, int]:
    return int.from_bytes(raw[:4], "little"), int.from_bytes(raw[:4], "big")


def _one_field(rng: np.random.Generator, raw: bytearray) -> None:
    header = fields(raw)
    _poke(rng, header, str(rng.choice([*(header.dtype.names or ())])))


def _poke(rng: np.random.Generator, header: npt.NDArray[Any], name: str) -> None:
    """One number of a field becomes one that programs stumble over."""
    values = header[name].reshape(-1)
    at = int(rng.integers(values.size))
    with np.errstate(all="ignore"):
        if values.dtype.kind == "f":
            strange = rng.choice([*_FLOATS, rng.normal(), 10.0 ** rng.uniform(-6, 6)])
            values[at] = strange
        elif values.dtype.kind in "iu":
            values[at] = np.array(rng.choice(_INTS)).astype(values.dtype)
        else:
            values[at] = rng.bytes(int(rng.integers(1, 80)))


def _sizes(rng: np.random.Generator, raw: bytearray) -> None:
    dim = fields(raw)["dim"][0]
    for _ in range(rng.integers(1, 4)):
        dim[rng.integers(8)] = rng.choice([-1, 0, 1, 2, 3, 4, 5, 16, 400, 1000, 32767])


def _type(rng: np.random.Generator, raw: bytearray) -> None:
    header = fields(raw)
    header["datatype"] = rng.choice(_TYPES)
    if rng.random() < 0.5:
        header["bitpix"] = rng.choice([0, 1, 8, 16, 24, 32, 64, 128, -8])


def _offset(rng: np.random.Generator, raw: bytearray) -> None:
    offset = fields(raw)["vox_offset"]
    strange = [0, 1, 347, 348, 351, 352, 353, 360, 540, 544, 1000, 2**26, 2**26 + 1, 2**31, -1]
    offset[0] = rng.choice([*strange, *(_FLOATS if offset.dtype.kind == "f" else ())])


def _spacing(rng: np.random.Generator, raw: bytearray) -> None:
    pixdim = fields(raw)["pixdim"][0]
    with np.errstate(all="ignore"):  # another damage may have been there before
        pixdim[rng.integers(8)] *= rng.choice(
            [-1, 0, 1e-3, 0.1, 0.99, 1.02, 10, 1e3, np.nan, np.inf]
        )


def _scaled(rng: np.random.Generator, raw: bytearray) -> None:
    """The same place in other units: pixdim, qform and sform agree."""
    header = fields(raw)
    factor = 10.0 ** rng.uniform(-4, 4)
    with np.errstate(all="ignore"):  # another damage may have been there before
        header["pixdim"][0, 1:4] *= factor
        for name in ("srow_x", "srow_y", "srow_z", "qoffset_x", "qoffset_y", "qoffset_z"):
            header[name] *= factor


def _unit(rng: np.random.Generator, raw: bytearray) -> None:
    fields(raw)["xyzt_units"] = rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 255])


def _quaternion(rng: np.random.Generator, raw: bytearray) -> None:
    header = fields(raw)
    header["sform_code"] = rng.choice([0, 0, 1])
    header["qform_code"] = rng.choice([0, 1, 2, 4, -1, 99])
    header["pixdim"][0, 0] = rng.choice([1, -1, 0, 7, np.nan])
    for name in ("quatern_b", "quatern_c", "quatern_d"):
        header[name] = rng.choice([0, 0.5, np.sqrt(0.5), 1, -1, 1.0001, 5, np.nan, rng.normal()])


def _sform(rng: np.random.Generator, raw: bytearray) -> None:
    header = fields(raw)
    header["sform_code"] = rng.choice([1, 2, 4, -1, 99])
    rows = [header[name][0] for name in ("srow_x", "srow_y", "srow_z")]
    for _ in range(rng.integers(1, 4)):
        row, at = rows[rng.integers(3)], rng.integers(4)
        row[at] = rng.choice([*_FLOATS, -row[at], row[at] + rng.normal(), 1e-3 * rng.normal()])


def _other_form(rng: np.random.Generator, raw: bytearray) -> None:
    """Both forms count, and one of them is turned, mirrored or moved."""
    header = fields(raw)
    header["sform_code"], header["qform_code"] = 1, 1
    row = header[str(rng.choice(["srow_x", "srow_y", "srow_z"]))][0]
    moved = row.copy()
    moved[3] += rng.normal() * 30
    row[:] = rng.choice([-row, moved, np.roll(row, 1)])


def _scale_of_values(rng: np.random.Generator, raw: bytearray) -> None:
    header = fields(raw)
    header["scl_slope"] = rng.choice([*_FLOATS, 0.5, 400 / 255, rng.normal()])
    header["scl_inter"] = rng.choice([*_FLOATS, -1024, 1024, -160, rng.normal() * 1000])


def _bits(rng: np.random.Generator, raw: bytearray) -> None:
    for _ in range(rng.integers(1, 9)):
        raw[rng.integers(min(len(raw), rng.choice([352, 600, 10**9])))] ^= 1 << rng.integers(8)


def _bytes(rng: np.random.Generator, raw: bytearray) -> None:
    at, count = int(rng.integers(min(len(raw), 600))), int(rng.integers(1, 40))
    raw[at : at + count] = rng.bytes(len(raw[at : at + count]))


def _cut(rng: np.random.Generator, raw: bytearray) -> None:
    del raw[rng.integers(len(raw)) :]


def _more(rng: np.random.Generator, raw: bytearray) -> None:
    raw += rng.bytes(int(rng.integers(1, 5000)))


def _extension(rng: np.random.Generator, raw: bytearray) -> None:
    size = 540 if 540 in _own_size(raw) else 348
    raw[size : size + 12] = rng.bytes(12)
    raw[size] = rng.choice([0, 1, 2, 255])


DAMAGES: tuple[Damage, ...] = (
    _one_field, _sizes, _type, _offset, _spacing, _scaled, _unit, _quaternion, _sform, _other_form,
    _scale_of_values, _bits, _bytes, _cut, _more, _extension,
)  # fmt: skip


def damaged(
    rng: np.random.Generator, whole: bytes, damages: tuple[Damage, ...]
) -> tuple[str, bytes]:
    """One to three things happen to a file.

    Returns:
        Their names, and what is left of it.
    """
    raw, names = bytearray(whole), []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        damage = damages[rng.integers(len(damages))]
        if len(raw) < 540 or not {348, 540} & {*_own_size(raw)}:
            break  # the one before left no header
        damage(rng, raw)
        names.append(damage.__name__.strip("_"))
    return "+".join(names), bytes(raw)


def packed(rng: np.random.Generator, raw: bytes) -> tuple[str, bytes]:
    """Compressed or not, most often without further damage.

    Returns:
        How, and the file.
    """
    if rng.random() < 0.6:
        return "plain", raw
    whole = gzip.compress(raw, 1, mtime=0)
    if rng.random() < 0.5:
        return "gzip", whole
    return _badly_packed(rng, raw, whole)


def _badly_packed(rng: np.random.Generator, raw: bytes, whole: bytes) -> tuple[str, bytes]:
    flipped = bytearray(whole)
    for _ in range(rng.integers(1, 5)):
        flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
    at = int(rng.integers(1, len(raw) + 1))
    ways = {
        "gzip flipped": bytes(flipped),
        "gzip cut": whole[: rng.integers(2, len(whole))],
        "gzip and zeros": whole + bytes(int(rng.integers(1, 5000))),
        "gzip and text": whole + b"\r\n-- transferred --\r\n",
        "gzip and half a member": whole + whole[: rng.integers(1, len(whole))],
        "gzip of gzip": gzip.compress(whole, 1, mtime=0),
        "gzip in members": gzip.compress(raw[:at], 1) + gzip.compress(raw[at:], 1),
        "gzip with a name": _with_name(raw),
        "gzip with a wrong checksum": whole[:-8] + rng.bytes(4) + whole[-4:],
        "gzip with a wrong length": whole[:-4] + rng.bytes(4),
    }
    name = str(rng.choice(list(ways)))
    return name, ways[name]


def _with_name(raw: bytes) -> bytes:
    deflater = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = deflater.compress(raw) + deflater.flush()
    end = zlib.crc32(raw).to_bytes(4, "little") + (len(raw) % 2**32).to_bytes(4, "little")
    return b"\x1f\x8b\x08\x08" + bytes(6) + b"Mrs. Secret.nii\0" + body + end
