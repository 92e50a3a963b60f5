"""What a bucket refuses before it asks the server; the rest is in tests/s3."""

from __future__ import annotations

import pytest

from cluster.stores.opening import SCHEMES
from segment_actor.errors import FailureCode, SeriesError


@pytest.mark.parametrize("path", ["IM1?versionId=null", "a?versionId=3/ct.nii.gz"])
def test_a_name_that_means_a_version_of_another_object_is_refused(path: str) -> None:
    bucket = SCHEMES["s3"]("s3://cts")
    for read in (bucket.get, bucket.open):
        with pytest.raises(SeriesError, match="Rename it") as caught:
            read(path)
        assert caught.value.code is FailureCode.UNREADABLE_FILE
