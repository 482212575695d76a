"""Where a variant lies in its source once that is turned, cut out of and padded.

Exact numbers, no pixels: the plan uses it, and a worker again where only the pixels say how much
of the source is left.
"""

from pixelpipe.recipes.geometry import Layout, lay_out
from pixelpipe.recipes.sizing import Wanted
from pixelpipe.recipes.task import SIDEWAYS, Canvas, Pad, Rect

# Whether rows and columns are exchanged, then left and right, then top and bottom: what undoes
# each EXIF orientation.
_TURNS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}
_CODES = {moves: code for code, moves in _TURNS.items()}
_ROTATED = {0: 1, 90: 6, 180: 3, 270: 8}


def turn_code(rotate: int, *, horizontally: bool, vertically: bool) -> int:
    """The EXIF orientation that is undone by turning clockwise and then mirroring.

    Args:
        rotate: 0, 90, 180 or 270 degrees.
        horizontally: Whether left and right are exchanged.
        vertically: Whether top and bottom are exchanged.
    """
    sideways, across, down = _TURNS[_ROTATED[rotate]]
    return _CODES[sideways, across != horizontally, down != vertically]


def place(bounds: Rect, turn: int, wanted: Wanted | None, pad: Pad | None) -> Layout:
    """Lay one variant out.

    Args:
        bounds: The part of the upright source that there is to use.
        turn: How the result is turned; size, fit, gravity and padding are of the turned picture.
        wanted: The wanted size; None keeps that of `bounds`.
        pad: What is added around it; or None.

    Returns:
        The layout; its region is of the upright source, its size that before the turn, and its
        canvas is around the turned picture.
    """
    sideways = turn in SIDEWAYS
    width, height = bounds.width, bounds.height
    layout = lay_out(*((height, width) if sideways else (width, height)), wanted)
    inner = unturned(layout.region, turn, width, height)
    made = (layout.height, layout.width) if sideways else (layout.width, layout.height)
    return Layout(
        region=Rect(bounds.x + inner.x, bounds.y + inner.y, inner.width, inner.height),
        width=made[0],
        height=made[1],
        canvas=_padded(layout.canvas, (layout.width, layout.height), pad),
        reduced=layout.reduced,
    )


def begun_on_a_pixel(region: Rect, reduction: int) -> Rect:
    """The region moved, by less than a decoded pixel, to where one begins.

    Between pixels the resize takes three to five times as long.
    """
    x, y = (at - at % reduction for at in (region.x, region.y))
    return Rect(x, y, region.width, region.height)


def unturned(rect: Rect, turn: int, width: int, height: int) -> Rect:
    """Where a rectangle of the turned picture lies in the picture before that.

    Args:
        rect: In pixels of the turned picture.
        turn: See `Task.turn`.
        width: Of the picture before it is turned.
        height: Of it.
    """
    sideways, across, down = _TURNS[turn]
    if sideways:
        width, height = height, width
    x = width - rect.x - rect.width if across else rect.x
    y = height - rect.y - rect.height if down else rect.y
    if sideways:
        return Rect(y, x, rect.height, rect.width)
    return Rect(x, y, rect.width, rect.height)


def _padded(canvas: Canvas | None, size: tuple[int, int], pad: Pad | None) -> Canvas | None:
    if pad is None:
        return canvas
    inner = canvas or Canvas(*size, 0, 0)
    return Canvas(
        width=pad.left + inner.width + pad.right,
        height=pad.top + inner.height + pad.bottom,
        left=pad.left + inner.left,
        top=pad.top + inner.top,
    )
