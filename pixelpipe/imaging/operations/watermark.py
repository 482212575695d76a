"""A picture laid on top of another: a logo, once or all over."""

import cv2
import numpy as np

from pixelpipe.imaging.alpha import is_opaque, mix_by_alpha
from pixelpipe.imaging.operations.compositing import lay
from pixelpipe.imaging.pixels import BGRA, GRAY, Pixels, as_pixels, channels
from pixelpipe.recipes.sizing import Gravity
from pixelpipe.recipes.task import Watermark

_WHITE = 255
_SHRINK, _ENLARGE = cv2.INTER_AREA, cv2.INTER_CUBIC

# A margin is no larger than this part of a side.
_MARGIN_SHARE = 4

# Where the mark lies in the room that there is, in halves: across and down.
_ANCHORS = {
    Gravity.CENTER: (1, 1),
    Gravity.NORTH: (1, 0),
    Gravity.NORTHEAST: (2, 0),
    Gravity.EAST: (2, 1),
    Gravity.SOUTHEAST: (2, 2),
    Gravity.SOUTH: (1, 2),
    Gravity.SOUTHWEST: (0, 2),
    Gravity.WEST: (0, 1),
    Gravity.NORTHWEST: (0, 0),
}


def lay_watermark(pixels: Pixels, mark: Pixels, asked: Watermark) -> Pixels:
    """Lay a mark on pixels.

    It is as wide as `width_share` says, or else as it is, and made smaller where it does not fit
    between the margins. They are a quarter of a side at most. Tiles lie in every direction from
    where it would lie alone, `margin_px` apart, and are cut where the picture ends.

    Args:
        pixels: Any number of channels.
        mark: BGRA.
        asked: Where it lies, how large and how opaque. The gravity is none that the pixels decide.

    Returns:
        BGR, or BGRA where there is alpha.
    """
    height, width = pixels.shape[:2]
    margins = (
        min(asked.margin_px, width // _MARGIN_SHARE),
        min(asked.margin_px, height // _MARGIN_SHARE),
    )
    room = (width - 2 * margins[0], height - 2 * margins[1])
    mark = _sized(mark, asked.width_share and asked.width_share * width, room)
    across, down = _ANCHORS[asked.gravity]
    left = margins[0] + (room[0] - mark.shape[1]) * across // 2
    top = margins[1] + (room[1] - mark.shape[0]) * down // 2
    result = _in_color(pixels)
    if not asked.tile:
        place = result[top : top + mark.shape[0], left : left + mark.shape[1]]
        lay(mark, place, asked.opacity)
        return result
    band = _repeated(mark, left, asked.margin_px, width)
    period = len(mark) + asked.margin_px
    for first in range(top % period - period, height, period):
        place = result[max(first, 0) : max(first + len(band), 0)]
        lay(band[max(-first, 0) :][: len(place)], place, asked.opacity)
    return result


def _sized(mark: Pixels, width_px: float | None, room: tuple[int, int]) -> Pixels:
    """The mark at its wanted width, or smaller so that it fits."""
    height, width = mark.shape[:2]
    scale = min((width_px or width) / width, room[0] / width, room[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (width, height):
        return mark
    if scale > 1:
        return _enlarged(mark, size)
    return mix_by_alpha(
        lambda mixed: as_pixels(cv2.resize(mixed, size, interpolation=_SHRINK)), mark
    )


def _enlarged(mark: Pixels, size: tuple[int, int]) -> Pixels:
    """Enlarge with a cubic kernel.

    At an edge it overshoots, what is multiplied by alpha as much as alpha itself. With 8 bits only
    the one would be cut at white, and colours would change; so there is room for twice of white.
    """
    if is_opaque(mark):
        return as_pixels(cv2.resize(mark, size, interpolation=_ENLARGE))
    *colors, alpha = cv2.split(mark)
    weighted = [cv2.multiply(color, alpha, scale=0.5, dtype=cv2.CV_16U) for color in colors]
    weighted.append(as_pixels(alpha).astype(np.uint16) * np.uint16(_WHITE) // 2)
    *colors, alpha = (cv2.resize(plane, size, interpolation=_ENLARGE) for plane in weighted)
    planes = [cv2.divide(color, alpha, scale=_WHITE, dtype=cv2.CV_8U) for color in colors]
    return as_pixels(cv2.merge([*planes, cv2.convertScaleAbs(alpha, alpha=2 / _WHITE)]))


def _repeated(mark: Pixels, left: int, gap: int, width: int) -> Pixels:
    """A band of that width in which the mark begins at `left`, and again after each gap."""
    columns = (np.arange(width) - left) % (mark.shape[1] + gap)
    shown = columns < mark.shape[1]
    band = np.zeros((len(mark), width, BGRA), np.uint8)
    band[:, shown] = mark[:, columns[shown]]
    return band


def _in_color(pixels: Pixels) -> Pixels:
    """A copy that may be written to, with colours."""
    if channels(pixels) == GRAY:
        return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))
    return pixels.copy()
