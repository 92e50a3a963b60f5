import bz2
import io
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from segment_actor.errors import FailureCode, SeriesError
from segment_actor.reading.unzip import unzip
from tests.support.ct_files import zipped

FILES = {"CT/1": b"a" * 1000, "CT/2": b"b" * 1000}


def directory_of(data: bytes, change: Callable[[bytearray, int, int], None]) -> bytes:
    """The zip with each entry of its directory changed: change(zip, offset, number)."""
    changed = bytearray(data)
    for n, entry in enumerate(re.finditer(b"PK\1\2", data)):
        change(changed, entry.start(), n)
    return bytes(changed)


def refusal(data: bytes) -> SeriesError:
    with pytest.raises(SeriesError) as caught:
        unzip(data)
    return caught.value


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_files_of_every_method_come_out_whole(method: int) -> None:
    files = {"CT/": b"", "empty": b"", **FILES}
    assert unzip(zipped(files, method)) == {"empty": b"", **FILES}


def test_a_zip_bomb_is_refused_by_what_it_declares() -> None:
    bomb = directory_of(
        zipped(FILES), lambda data, at, _: struct.pack_into("<I", data, at + 24, 2**32 - 2)
    )
    assert "unpacks from 0.0 MiB to 8.0 GiB" in refusal(bomb).sentence


def test_a_zip_that_packs_a_thousandfold_is_refused_below_the_limit_of_a_ct() -> None:
    assert refusal(zipped({"zeros": bytes(2**28 + 1)})).code is FailureCode.TOO_LARGE


def test_entries_that_share_their_data_are_refused() -> None:
    def same_place(data: bytearray, at: int, _: int) -> None:
        struct.pack_into("<I", data, at + 42, 0)

    assert refusal(directory_of(zipped(FILES), same_place)).code is FailureCode.UNREADABLE_FILE


def test_a_file_that_packs_more_than_it_declares_is_not_unpacked_further() -> None:
    """bzip2 packs 45 MB of zeros into 39 bytes, of which zipfile would unpack all at once."""
    data = zipped({"zeros": bytes(10**8)}, zipfile.ZIP_BZIP2)
    assert len(bz2.compress(bytes(10**8))) < 200
    lying = directory_of(data, lambda data, at, _: struct.pack_into("<I", data, at + 24, 1000))
    tracemalloc.start()
    assert refusal(lying).code is FailureCode.UNREADABLE_FILE
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10**6


def test_a_file_whose_name_became_that_of_a_folder_is_not_lost() -> None:
    damaged = zipped({"CT/1": b"a", "CT/x": b"b"}).replace(b"CT/x", b"CT//")
    assert list(unzip(damaged)) == ["CT/1", "CT//"]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_file_that_the_directory_has_lost_is_noticed(n: int) -> None:
    data = zipped({**FILES, "CT/3": b"c"})
    at = [entry.start() for entry in re.finditer(b"PK[\1\5][\2\6]", data)]
    lost = bytearray(data[: at[n]] + data[at[n + 1] :])
    struct.pack_into("<I", lost, len(lost) - 10, at[-1] - at[0] - (at[n + 1] - at[n]))
    assert zipfile.is_zipfile(io.BytesIO(lost))
    assert refusal(bytes(lost)).code is FailureCode.UNREADABLE_FILE


def test_two_files_of_one_name_are_not_silently_one() -> None:
    assert refusal(zipped(FILES).replace(b"CT/2", b"CT/1")).code is FailureCode.UNREADABLE_FILE


def test_a_zip_with_a_password_is_refused() -> None:
    locked = directory_of(zipped(FILES), lambda data, at, _: data.__setitem__(at + 8, 1))
    assert "password" in refusal(locked).sentence
