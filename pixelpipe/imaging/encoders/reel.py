"""The frames of an animation, on their way into a file."""

from collections.abc import Iterator, Sequence

import cv2

from pixelpipe.formats.animations.parts import Timing
from pixelpipe.imaging.alpha import is_opaque
from pixelpipe.imaging.pixels import BGR, BGRA, Pixels, as_pixels, channels, has_alpha
from pixelpipe.imaging.samples import to_channels


class Reel:
    """Frames of one size and one number of channels, and when they are shown.

    Args:
        frames: As they are; they are kept, and converted one by one.
        timing: As many delays.
    """

    def __init__(self, frames: Sequence[Pixels], timing: Timing) -> None:
        assert len(frames) == len(timing.delays_ms), "each frame has its time"
        self.timing = timing
        self.height, self.width = frames[0].shape[:2]
        self._frames = frames
        self.channels = _channels(frames)

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, number: int) -> Pixels:
        """The pixels of a frame."""
        return to_channels(self._frames[number], self.channels)

    def __iter__(self) -> Iterator[Pixels]:
        return (self[number] for number in range(len(self)))


def _channels(frames: Sequence[Pixels]) -> int:
    """Those that all frames have; no alpha where all of them are opaque."""
    found = max(map(channels, frames))
    if found == BGRA and all(not has_alpha(pixels) or is_opaque(pixels) for pixels in frames):
        return BGR
    return found


def for_pillow(pixels: Pixels) -> tuple[str, Pixels]:
    """Pillow's mode for pixels, and the pixels with red first."""
    if channels(pixels) == BGRA:
        return "RGBA", as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA))
    if channels(pixels) == BGR:
        return "RGB", as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    return "L", pixels
