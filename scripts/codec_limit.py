"""The least CPU time that a job can take: one decode, and the encodes of its variants.

A program of its own, so that nothing but the codec is in the process that is measured:

    python codec_limit.py PHOTO.jpg QUALITY VARIANT.jpg...

It takes the variants as a server made them, so that sizes, content and colours are the real ones,
and decodes them before it measures. The decode measured is the quickest of those DCT reductions
that still serve the largest variant; the encodes are 4:2:0, or gray for a gray variant. Prints
JSON: `decode_ms` and `encode_ms`.
"""

import functools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

REDUCTIONS = (1, 2, 4, 8)
REPEATS = 15


def main() -> None:
    """Measure and print."""
    photo, quality, *variants = sys.argv[1:]
    pixels = [_pixels(Path(variant).read_bytes()) for variant in variants]
    decode_ms = _decode_ms(Path(photo).read_bytes(), pixels)
    encode_ms = sum(_cpu_ms(functools.partial(_encode, each, int(quality))) for each in pixels)
    print(json.dumps({"decode_ms": decode_ms, "encode_ms": encode_ms}))


def sufficient_reductions(source: tuple[int, int], variants: list[tuple[int, int]]) -> list[int]:
    """The DCT reductions after which the picture is still as large as each variant needs it.

    Args:
        source: Width and height of the photograph in pixels.
        variants: Width and height of each variant; none is larger than the photograph allows.
    """
    width, height = source
    scale = max(max(w / width, h / height) for w, h in variants)
    return [reduction for reduction in REDUCTIONS if reduction * scale <= 1]


def _pixels(jpeg: bytes) -> Pixels:
    """Decode a variant as what it is: (height, width, 1) when gray, else (height, width, 3) BGR."""
    colors = simplejpeg.decode_jpeg_header(jpeg)[2].upper()
    pixels: Pixels = simplejpeg.decode_jpeg(jpeg, "GRAY" if colors == "GRAY" else "BGR")
    return pixels


def _encode(pixels: Pixels, quality: int) -> bytes:
    gray = pixels.shape[2] == 1
    encoded: bytes = simplejpeg.encode_jpeg(
        pixels, quality, "GRAY" if gray else "BGR", "Gray" if gray else "420"
    )
    return encoded


def _decode_ms(photo: bytes, variants: list[Pixels]) -> float:
    height, width = simplejpeg.decode_jpeg_header(photo)[:2]
    sizes = [(pixels.shape[1], pixels.shape[0]) for pixels in variants]
    colorspace = "GRAY" if all(pixels.shape[2] == 1 for pixels in variants) else "BGR"
    return min(
        _cpu_ms(
            functools.partial(
                simplejpeg.decode_jpeg,
                photo,
                colorspace,
                min_width=-(-width // reduction),
                min_height=-(-height // reduction),
            )
        )
        for reduction in sufficient_reductions((width, height), sizes)
    )


def _cpu_ms(call: Callable[[], object]) -> float:
    """The median CPU time of a call in milliseconds, after one call that warms up."""
    call()
    times_ms = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times_ms.append((time.process_time() - start) * 1000)
    return statistics.median(times_ms)


if __name__ == "__main__":
    main()
