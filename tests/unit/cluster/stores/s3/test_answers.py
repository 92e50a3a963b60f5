"""What a bucket answers, against the documents of Amazon's API reference."""

from __future__ import annotations

import pytest

from cluster.stores.s3.answers import Page, error_of, page_of
from cluster.stores.s3.bucket import Bucket

PAGE = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult%s>
  <Name>bucket</Name><Prefix/><KeyCount>2</KeyCount><MaxKeys>3</MaxKeys>
  <IsTruncated>%s</IsTruncated><NextContinuationToken>1ueGcx+/=</NextContinuationToken>
  <EncodingType>url</EncodingType>
  <Contents>
    <Key>a+b%%2Bc/%%C3%%BC%%0A.dcm</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>
    <ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size>
    <StorageClass>STANDARD</StorageClass>
  </Contents>
  <CommonPrefixes><Prefix>photos+2006/</Prefix></CommonPrefixes>
</ListBucketResult>"""
SPACE = b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@pytest.mark.parametrize("space", [SPACE, b""])
@pytest.mark.parametrize(("more", "token"), [(b"true", "1ueGcx+/="), (b"false", None)])
def test_a_page_is_read_with_or_without_a_name_space(
    space: bytes, more: bytes, token: str | None
) -> None:
    listed = ("a b+c/ü\n.dcm", 434234, '"fba9dede5f27731c9771645a39863328"')
    assert page_of(PAGE % (space, more)) == Page([listed], ["photos 2006/"], token)


def test_a_page_that_is_no_listing_is_an_error_in_words() -> None:
    with pytest.raises(OSError, match="no XML"):
        page_of(b"<html><p>Log in to the proxy")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NoSuchKey", FileNotFoundError),
        (404, "", FileNotFoundError),  # a HEAD has no document
        (412, "PreconditionFailed", FileNotFoundError),
        (403, "AccessDenied", PermissionError),
        (400, "ExpiredToken", PermissionError),
        (400, "InvalidArgument", OSError),
        (500, "InternalError", OSError),
        (503, "SlowDown", OSError),
    ],
)
def test_a_refusal_is_the_error_of_the_language_that_says_the_same(
    status: int, code: str, error: type[OSError]
) -> None:
    assert type(error_of(status, code, "")) is error


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("/first", "//first"),
        ("a//b", "/a//b"),
        ("a?versionId=3", "/a%3FversionId%3D3"),
        ("../ü +%", "/../%C3%BC%20%2B%25"),
    ],
)
def test_a_key_is_asked_for_as_it_is(key: str, path: str) -> None:
    bucket = Bucket("b")
    bucket.__dict__["_place"] = ("https://b.example.org/", "eu-central-1")
    assert bucket._url(key) == f"https://b.example.org{path}"
