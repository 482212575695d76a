"""How large a variant becomes: what PixelPipe's fits mean, for libraries that do not know them."""

from fractions import Fraction
from math import floor
from typing import Any

Size = tuple[int, int]
Box = tuple[float, float, float, float]


def wanted_size(source: Size, spec: dict[str, Any]) -> Size:
    """Width and height of a variant, which is never larger than its source.

    Args:
        source: Width and height of the upright picture.
        spec: With `resize` of the fits cover and inside, or without.
    """
    if "resize" not in spec:
        return source
    resize = spec["resize"]
    across = Fraction(resize["width"], source[0])
    down = Fraction(resize["height"], source[1])
    if resize["fit"] == "inside":
        scale = min(Fraction(1), across, down)
        width, height = (side * scale + Fraction(1, 2) for side in source)
    else:
        overshoot = max(Fraction(1), across, down)
        width, height = resize["width"] / overshoot, resize["height"] / overshoot
    return max(1, floor(width)), max(1, floor(height))


def covered_box(source: Size, size: Size) -> Box:
    """The middle part of a picture that has the shape of `size`: left, top, right, bottom."""
    scale = min(source[0] / size[0], source[1] / size[1])
    # What is as broad as its source may come out a rounding error broader.
    width, height = min(source[0], size[0] * scale), min(source[1], size[1] * scale)
    left, top = (source[0] - width) / 2, (source[1] - height) / 2
    return left, top, left + width, top + height


def decoder_shrink(source: Size, specs: list[dict[str, Any]]) -> int:
    """By how much a JPEG decoder may shrink the picture for all variants: 8, 4, 2 or 1."""
    sizes = [wanted_size(source, spec) for spec in specs]
    width, height = (max(sides) for sides in zip(*sizes, strict=True))
    ratio = min(source[0] / width, source[1] / height)
    return next(shrink for shrink in (8, 4, 2, 1) if ratio >= shrink)
