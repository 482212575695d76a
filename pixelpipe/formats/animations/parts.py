"""What an animation consists of."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged

# WebP has 24 bits for it: 4.6 hours.
LONGEST_DELAY_MS = (1 << 24) - 1


class Disposal(Enum):
    """What becomes of a frame's place before the next one is drawn."""

    KEEP = auto()
    CLEAR = auto()
    RESTORE = auto()


@dataclass(frozen=True, slots=True)
class Timing:
    """When frames are shown.

    Attributes:
        delays_ms: How long each of them is.
        loops: How often the animation is played; 0 without end.
    """

    delays_ms: tuple[int, ...]
    loops: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame, as a still picture.

    Attributes:
        still: A file of the animation's format that holds its pixels and nothing else.
        left: Where it lies on the canvas, in pixels.
        top: Likewise.
        width: In pixels.
        height: In pixels.
        delay_ms: How long it is shown.
        disposal: What becomes of its place afterwards.
        over: Whether what was there shines through it; otherwise it takes its place.
    """

    still: memoryview
    left: int
    top: int
    width: int
    height: int
    delay_ms: int
    disposal: Disposal
    over: bool


def check_place(source: Format, place: tuple[int, int, int, int], canvas: tuple[int, int]) -> None:
    """Refuse a frame that has no pixels or leaves the canvas.

    Args:
        source: The animation's format.
        place: The frame's left, top, width and height.
        canvas: Width and height.

    Raises:
        DamagedImageError: It does.
    """
    left, top, width, height = place
    if not (width and height) or left + width > canvas[0] or top + height > canvas[1]:
        raise damaged(source, f"a frame does not fit its canvas of {canvas[0]}x{canvas[1]} px")


def miscounted(source: Format, found: int, expected: int) -> DamagedImageError:
    """The error for an animation that has not as many frames as its header says."""
    return damaged(source, f"it holds {found} frames where {expected} were counted")


def timing_of(frames: Sequence[Frame], loops: int) -> Timing:
    """When these frames are shown."""
    return Timing(tuple(min(frame.delay_ms, LONGEST_DELAY_MS) for frame in frames), loops)
