"""Pictures that come inside a spec, as data URLs: watermarks.

One mark may lie on a hundred variants: what is found out about it is remembered, and all that is
kept of it is kept once.
"""

import binascii
import hashlib
import re
from base64 import b64decode
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer

from pixelpipe.errors import PixelPipeError
from pixelpipe.formats.probe import probe
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes.mistakes import rule
from pixelpipe.recipes.task import MAX_MARK_PIXELS, MAX_MARK_SIDE_PX

MAX_MARK_BYTES = 96 * 1024
_FORMATS = (Format.PNG, Format.WEBP, Format.JPEG, Format.AVIF)

_DATA_URL = re.compile(r"data:[a-z0-9.+/-]*;base64,([A-Za-z0-9+/]*={0,2})", re.ASCII)
_MAX_CHARS = MAX_MARK_BYTES * 4 // 3 + 64
_REMEMBERED = 16


@lru_cache(maxsize=_REMEMBERED)
def _picture(url: str) -> str:
    match = _DATA_URL.fullmatch(url)
    if match is None:
        raise rule("must be a data URL in base64, such as data:image/png;base64,…")
    info = probed_mark(match[1])
    if info.format not in _FORMATS:
        raise rule(f"must be a picture in one of {', '.join(_FORMATS)}, not {info.format}")
    return url


@lru_cache(maxsize=_REMEMBERED)
def _digest(url: str) -> str:
    return hashlib.sha256(base64_of(url).encode()).hexdigest()


@lru_cache(maxsize=_REMEMBERED)
def base64_of(url: str) -> str:
    """The picture of a `MarkUrl`, still in base64."""
    return url.partition(",")[2]


@lru_cache(maxsize=_REMEMBERED)
def probed_mark(image: str) -> SourceInfo:
    """What the picture is.

    Args:
        image: Its file, in base64.

    Raises:
        PydanticCustomError: It is none that is allowed.
    """
    try:
        data = b64decode(image, validate=True)
        return probe(memoryview(data), max_pixels=MAX_MARK_PIXELS, max_side_px=MAX_MARK_SIDE_PX)
    except (binascii.Error, PixelPipeError) as error:
        detail = error.detail if isinstance(error, PixelPipeError) else "It is not base64"
        raise rule(f"must hold a picture: {detail.removesuffix('.')}") from error


# It is written as its digest: what is written of a spec only tells one from another.
MarkUrl = Annotated[
    str,
    Field(
        max_length=_MAX_CHARS,
        description=f"a data URL in base64 of a PNG, WebP, JPEG or AVIF of up to {MAX_MARK_BYTES} "
        "bytes",
    ),
    AfterValidator(_picture),
    PlainSerializer(_digest),
]
