"""Byte ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpipe.errors import RangeNotSatisfiableError
from pixelpipe.server.ranges import requested_range

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=2-5", range(2, 6)),
        ("bytes=2-", range(2, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-100", range(10)),
        ("bytes=8-100", range(8, 10)),
        ("Bytes = 1 - 2", range(1, 3)),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
        ("", None),
        (None, None),
    ],
)
def test_requested_range(field: str | None, wanted: range | None) -> None:
    assert requested_range(field, None, ETAG, 10) == wanted


@pytest.mark.parametrize("field", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_past_the_end_is_refused(field: str) -> None:
    with pytest.raises(RangeNotSatisfiableError, match="10 bytes"):
        requested_range(field, None, ETAG, 10)


@pytest.mark.parametrize(
    ("if_range", "wanted"),
    [
        (ETAG, range(1)),
        ('"other"', None),
        ('W/"abc"', None),
        ("Sat, 21 Nov 2026 10:00:00 GMT", None),
    ],
)
def test_if_range_has_to_name_the_same_bytes(if_range: str, wanted: range | None) -> None:
    assert requested_range("bytes=0-0", if_range, ETAG, 10) == wanted


@given(first=st.integers(0, 40), last=st.integers(0, 40), size_bytes=st.integers(1, 20))
def test_a_range_never_leaves_the_representation(first: int, last: int, size_bytes: int) -> None:
    try:
        wanted = requested_range(f"bytes={first}-{last}", None, ETAG, size_bytes)
    except RangeNotSatisfiableError:
        assert first >= size_bytes
        return
    whole = range(size_bytes)
    expected = None if last < first else whole[first : last + 1]
    assert wanted == expected
