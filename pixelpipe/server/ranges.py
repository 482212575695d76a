"""Byte ranges of a representation with a strong ETag (RFC 9110, section 14)."""

import re

from pixelpipe.errors import RangeNotSatisfiableError

_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE | re.ASCII)


def requested_range(
    range_field: str | None, if_range: str | None, etag: str, size_bytes: int
) -> range | None:
    """The bytes that a request asks for; None for all of them.

    Several ranges at once, other units and malformed fields are passed over, as the RFC allows.
    A date in `If-Range` never matches: the server gives no `Last-Modified`.

    Args:
        range_field: The `Range` field.
        if_range: The `If-Range` field.
        etag: The strong ETag, quoted.
        size_bytes: Length of the whole representation.

    Raises:
        RangeNotSatisfiableError: The range starts past the end.
    """
    if range_field is None or (if_range is not None and if_range.strip() != etag):
        return None
    found = _ONE_RANGE.fullmatch(range_field.strip())
    if not found or found[1] == found[2] == "":
        return None
    first, stop = _bounds(found[1], found[2], size_bytes)
    if found[1] and found[2] and int(found[2]) < first:
        return None
    if first >= size_bytes or first >= stop:
        raise RangeNotSatisfiableError(
            f"The range {range_field!r} lies outside the {size_bytes} bytes that there are."
        )
    return range(first, stop)


def _bounds(first: str, last: str, size_bytes: int) -> tuple[int, int]:
    if not first:
        return size_bytes - min(int(last), size_bytes), size_bytes
    return int(first), min(int(last) + 1, size_bytes) if last else size_bytes
