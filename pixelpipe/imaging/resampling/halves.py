"""The exact half of a picture: each pixel the mean of two or of four."""

import cv2
import numpy as np

from pixelpipe.imaging.pixels import Pixels


def halve_again(pixels: Pixels, before: int, *, across: bool, down: bool) -> Pixels:
    """Halve what was halved `before` times already; see `halve`.

    Means that end in a half are rounded up, and down every second time, so that halves of halves
    do not grow brighter.
    """
    if before % 2:
        return np.invert(halve(np.invert(pixels), across=across, down=down))
    return halve(pixels, across=across, down=down)


def halve(pixels: Pixels, *, across: bool, down: bool) -> Pixels:
    """Halve the width, the height or both; an odd side is rounded up.

    The last pixel of an odd side stands for itself alone, so that every pixel of the half lies
    exactly over its own pixels of the whole and nothing is shifted.
    """
    height, width = pixels.shape[:2]
    even_height = height // 2 * 2 if down else height
    even_width = width // 2 * 2 if across else width
    half_height = even_height // 2 if down else height
    half_width = even_width // 2 if across else width
    odd_row, odd_column = height - even_height, width - even_width
    shape = (half_height + odd_row, half_width + odd_column, *pixels.shape[2:])
    half = np.empty(shape, np.uint8)
    if half_height and half_width:
        even = pixels[:even_height, :even_width]
        size = (half_width, half_height)
        target = half[:half_height, :half_width]
        cv2.resize(even, size, dst=target, interpolation=cv2.INTER_LINEAR_EXACT)
    if odd_column:
        half[:, half_width:] = halve(pixels[:, even_width:], across=False, down=down)
    if odd_row:
        half[half_height:] = halve(pixels[even_height:], across=across, down=False)
    return half
