"""Where the quad edge-blur cuts a picture."""

from pixelpipe.errors import ImageTooSmallError
from pixelpipe.recipes.task import Rect

MIN_SIDE_PX = 2


def quadrants(width: int, height: int) -> tuple[Rect, Rect, Rect, Rect]:
    """Cut a picture at `width // 2` and `height // 2`; right and lower parts get the odd pixel.

    Returns:
        Top left, top right, bottom left, bottom right, in pixels.

    Raises:
        ImageTooSmallError: A side is too short to be cut.
    """
    if min(width, height) < MIN_SIDE_PX:
        raise ImageTooSmallError(
            f"The picture is {width}x{height} pixels; the quad edge-blur needs at least "
            f"{MIN_SIDE_PX} on each side."
        )
    left, top = width // 2, height // 2
    right, bottom = width - left, height - top
    return (
        Rect(0, 0, left, top),
        Rect(left, 0, right, top),
        Rect(0, top, left, bottom),
        Rect(left, top, right, bottom),
    )
