"""The least CPU time that a job can take: one decode, and the encodes of its variants.

A program of its own, so that nothing but the codecs is in the process that is measured. It reads
requests as lines of JSON and answers each by a line:

    {"picture": FILE, "variants": [PNG...], "target_bytes": N or null, "repeats": N,
     "decode": NAME or null, "encode": NAME or null, "quality": N or null}

The variants are the real ones in lossless files, which are read before anything is measured. What
is null is chosen: the quickest decode that still serves the largest variant; and the quickest
encoder of those that come within 3 % of `target_bytes` with all files together, each at the quality
at which it comes nearest. JPEGs are 4:2:0, and gray for gray variants.
"""

import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmark.codecs import ENCODERS, Pixels, decoders

REDUCTIONS = (1, 2, 4, 8)
QUALITY = 80
TOLERANCE = 0.03
_QUALITIES = range(60, 96)
_TRIALS = 5
_ORIENTATION = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})


def main() -> None:
    """Measure and print, for as long as something is asked."""
    cv2.setNumThreads(1)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    content = Path(request["picture"]).read_bytes()
    variants = [_pixels(Path(file).read_bytes()) for file in request["variants"]]
    decode = _decode(content, variants, request)
    return {"decode": decode, "encode": _encode(variants, request)}


def sufficient_reductions(source: tuple[int, int], variants: list[tuple[int, int]]) -> list[int]:
    """The DCT reductions after which the picture is still as large as each variant needs it.

    Args:
        source: Width and height of the upright photograph in pixels.
        variants: Width and height of each variant; none is larger than the photograph allows.
    """
    width, height = source
    scale = max(max(w / width, h / height) for w, h in variants)
    return [reduction for reduction in REDUCTIONS if reduction * scale <= 1]


def nearest_quality(size_at: Callable[[int], int], target_bytes: int) -> int:
    """The quality at which the size, which grows with it, comes nearest to the target."""
    low, high = _QUALITIES[0], _QUALITIES[-1]
    while low < high:
        middle = (low + high) // 2
        if size_at(middle) < target_bytes:
            low = middle + 1
        else:
            high = middle
    below = max(low - 1, _QUALITIES[0])
    return min(low, below, key=lambda quality: abs(size_at(quality) - target_bytes))


def _decode(content: bytes, variants: Sequence[Pixels], request: dict[str, Any]) -> dict[str, Any]:
    sizes = [(pixels.shape[1], pixels.shape[0]) for pixels in variants]
    gray = all(pixels.ndim == 2 for pixels in variants)  # noqa: PLR2004 - rows and columns
    reductions = sufficient_reductions(_upright_size(content), sizes)
    ways = {
        f"{name} 1/{reduction}": partial(decode, content, reduction, gray=gray)
        for name, decode in decoders(content).items()
        for reduction in reductions
        if decode(content, reduction, gray=gray) is not None
    }
    if request["decode"]:
        ways = {request["decode"]: ways[request["decode"]]}
    return _quickest(ways, request)


def _encode(variants: Sequence[Pixels], request: dict[str, Any]) -> dict[str, Any]:
    names = [request["encode"]] if request["encode"] else list(ENCODERS)
    qualities = {name: request["quality"] or _quality(name, variants, request) for name in names}
    sizes = {name: _size(name, variants, quality) for name, quality in qualities.items()}
    target = request["target_bytes"]
    ways = {
        name: partial(_encode_all, name, variants, qualities[name])
        for name in (_near(sizes, target) if target else names)
    }
    found = _quickest(ways, request)
    name = found["name"]
    return found | {"quality": qualities[name], "bytes": sizes[name]}


def _near(sizes: Mapping[str, int], target_bytes: int) -> list[str]:
    """Those within the tolerance; where none is, the nearest, whose difference is then told."""
    off = {name: abs(size / target_bytes - 1) for name, size in sizes.items()}
    least = min(off.values())
    return [name for name, each in off.items() if each <= max(TOLERANCE, least)]


def _quality(name: str, variants: Sequence[Pixels], request: dict[str, Any]) -> int:
    if not request["target_bytes"]:
        return QUALITY
    return nearest_quality(partial(_size, name, variants), request["target_bytes"])


def _size(name: str, variants: Sequence[Pixels], quality: int) -> int:
    return sum(map(len, _encode_all(name, variants, quality)))


def _encode_all(name: str, variants: Iterable[Pixels], quality: int) -> list[bytes]:
    return [ENCODERS[name](pixels, quality) for pixels in variants]


def _quickest(ways: Mapping[str, Callable[[], object]], request: dict[str, Any]) -> dict[str, Any]:
    """Try each way; measure the quickest for as long as was asked."""
    tried = {name: _cpu_ms(way, min(_TRIALS, request["repeats"])) for name, way in ways.items()}
    name = min(tried, key=lambda each: tried[each])
    return {"name": name, "ms": _cpu_ms(ways[name], request["repeats"]), "tried_ms": tried}


def _pixels(png: bytes) -> Pixels:
    """(height, width) of a gray variant, else (height, width, 3) BGR; alpha is left out."""
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, "it was read before"
    if pixels.dtype == np.uint16:
        pixels = (pixels // 256).astype(np.uint8)
    if pixels.ndim == 2:  # noqa: PLR2004 - rows and columns
        return _array(pixels)
    color = _array(pixels[..., :3])
    gray = (color[..., :1] == color).all()
    return _array(color[..., 0]) if gray else color


def _array(pixels: NDArray[Any]) -> Pixels:
    return np.ascontiguousarray(pixels, np.uint8)


def _upright_size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
        sideways = image.getexif().get(_ORIENTATION) in _SIDEWAYS
    return (height, width) if sideways else (width, height)


def _cpu_ms(call: Callable[[], object], repeats: int) -> float:
    """The median CPU time of a call in milliseconds, after one call that warms up."""
    call()
    times_ms = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times_ms.append((time.process_time() - start) * 1000)
    return statistics.median(times_ms)


if __name__ == "__main__":
    main()
