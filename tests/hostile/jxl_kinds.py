"""JPEG XL, after ISO/IEC 18181-1 and 18181-2."""

from collections.abc import Iterator
from functools import partial

from PIL import Image

from tests.hostile.good_files import picture
from tests.hostile.kind import COMPLETED, DAMAGED, FOREIGN, FRAMES, PIXELS, Kind, cuts, kind
from tests.modern_files import jxl
from tests.unit.jxl_files import (
    ALPHA,
    ANIMATION,
    BLACK,
    PREMULTIPLIED,
    PROFILE,
    contained,
    frames_of,
    header,
    in_parts,
)
from tests.unit.probe_files import box

_MIB = 1 << 20
_SIZE = (64, 48)

GOOD = jxl(picture("RGB"))
LOSSLESS = jxl(picture("RGBA"), lossless=True, quality=100)
_FRAMES = frames_of(LOSSLESS)
_CONTAINER = contained(box(b"jxlc", GOOD))


def _marks(whole: bytes) -> Iterator[tuple[str, int]]:
    for share in range(1, 24):
        yield f"after {share} of 24 parts", len(whole) * share // 24
    for at in (2, 3, 5, 8, 13, 21):
        yield f"after {at} bytes", at


def _solid(width: int, height: int) -> bytes:
    return jxl(Image.new("L", (width, height)), lossless=True, quality=100, effort=1)


def _claimed(width: int, height: int, **options: object) -> bytes:
    """The frames of a small picture behind a header that says another size."""
    return header((width, height), extra=[ALPHA], **options) + _FRAMES  # type: ignore[arg-type]


def _many_frames(count: int) -> bytes:
    first = ANIMATION[:31]
    return first + ANIMATION[8:31] * count + ANIMATION[54:]


KINDS: list[Kind] = [
    *cuts("JPEG XL", GOOD, _marks(GOOD)),
    *cuts("JPEG XL container", _CONTAINER, _marks(_CONTAINER)),
    kind("JPEG XL that is good", partial(bytes, GOOD), COMPLETED),
    kind("JPEG XL animation that is good", partial(bytes, ANIMATION), COMPLETED),
    kind("JPEG XL in 1,000 parts", lambda: in_parts(GOOD, *range(1, 1000)), COMPLETED, DAMAGED),
    kind(
        "JPEG XL in 60,000 parts", lambda: in_parts(GOOD + bytes(60_000), *range(60_000)), DAMAGED
    ),
    kind("JPEG XL with trailing junk", lambda: GOOD + b"\xff" * _MIB, COMPLETED, DAMAGED),
    kind("JPEG XL of 1073741824x1073741824", partial(_claimed, 1 << 30, 1 << 30), PIXELS),
    kind("JPEG XL of 65535x65535", partial(_claimed, 65535, 65535), PIXELS),
    kind("JPEG XL that says 49 MP and is 64x48", partial(_claimed, 7000, 7000), DAMAGED),
    kind("JPEG XL that says 1x1 and is 64x48", partial(_claimed, 1, 1), DAMAGED, COMPLETED),
    kind("JPEG XL of 49 MP", partial(_solid, 7000, 7000), COMPLETED, dear=True),
    kind("JPEG XL of 9 MP", partial(_solid, 3000, 3000), COMPLETED, dear=True),
    kind("JPEG XL animation of 100,000 frames", partial(_many_frames, 100_000), FRAMES, DAMAGED),
    kind(
        "JPEG XL animation with a profile",
        lambda: header(_SIZE, color=PROFILE, animated=True) + _FRAMES,
        FOREIGN,
    ),
    kind(
        "JPEG XL with a profile of junk",
        lambda: header(_SIZE, color=PROFILE) + bytes(range(256)) * 99,
        DAMAGED,
    ),
    kind(
        "JPEG XL with a profile of ones",
        lambda: header(_SIZE, color=PROFILE) + b"\xff" * 30_000,
        DAMAGED,
    ),
    kind(
        "JPEG XL with a preview of junk",
        lambda: header(_SIZE, preview=True) + bytes(range(256)) * 99,
        DAMAGED,
    ),
    kind("JPEG XL in CMYK", lambda: header(_SIZE, extra=[BLACK]) + _FRAMES, FOREIGN),
    kind("JPEG XL of 20 channels", lambda: header(_SIZE, extra=[ALPHA] * 17) + _FRAMES, FOREIGN),
    kind(
        "JPEG XL of 4 channels of alpha",
        lambda: header(_SIZE, extra=[ALPHA] * 4) + _FRAMES,
        DAMAGED,
    ),
    kind(
        "JPEG XL whose colours are multiplied by alpha",
        lambda: header(_SIZE, extra=[PREMULTIPLIED]) + _FRAMES,
        COMPLETED,
    ),
    kind(
        "JPEG XL that says to hold floats",
        lambda: header(_SIZE, depth=32, extra=[ALPHA]) + _FRAMES,
        COMPLETED,
        DAMAGED,
    ),
    kind("JPEG XL of zeros", lambda: header(_SIZE) + bytes(_MIB), DAMAGED),
    kind("JPEG XL of ones", lambda: header(_SIZE) + b"\xff" * _MIB, DAMAGED),
    kind("JPEG XL header of ones", lambda: b"\xff\x0a" + b"\xff" * _MIB, DAMAGED, PIXELS, FOREIGN),
    kind("JPEG XL header of zeros", lambda: b"\xff\x0a" + bytes(_MIB), DAMAGED),
    kind("JPEG XL container of nothing", partial(contained), DAMAGED),
    kind(
        "JPEG XL container of 100,000 empty boxes",
        lambda: contained(box(b"free") * 100_000, box(b"jxlc", GOOD)),
        DAMAGED,
    ),
    kind(
        "JPEG XL container in a container",
        lambda: contained(box(b"jxlc", contained(box(b"jxlc", GOOD)))),
        DAMAGED,
    ),
    kind(
        "JPEG XL with brotli of 20 MB",
        lambda: contained(box(b"jxlc", GOOD), box(b"brob", b"Exif", bytes(20 * _MIB))),
        COMPLETED,
    ),
    kind(
        "JPEG XL with a way back to a JPEG that is junk",
        lambda: contained(box(b"jbrd", bytes(999)), box(b"jxlc", GOOD)),
        COMPLETED,
    ),
]
