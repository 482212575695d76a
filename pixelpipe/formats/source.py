"""What the probe found out about a source."""

from dataclasses import dataclass

from pixelpipe.formats.registry import Format

_SIDEWAYS = frozenset({5, 6, 7, 8})
_BGRA = 4

# More than any limit allows: said where there are more than the probe has steps to count.
UNCOUNTED_FRAMES = 1 << 32


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A source's header, read without a codec.

    Attributes:
        format: Decided by content.
        stored_width: Columns as stored, before orientation.
        stored_height: Rows as stored.
        channels: What the decoded pixels will have: 1 gray, 3 BGR, 4 BGRA.
        bit_depth: Bits per channel as stored.
        orientation: EXIF orientation, 1 to 8; 1 is upright.
        frames: How many an animation has; 1 for a still picture, `UNCOUNTED_FRAMES` for too many
            to be counted.
        frames_alpha: Whether later frames may be transparent where the first one is not.
        halved_chroma: Whether three samples of a pixel are stored at two sizes: the first whole,
            the others half as wide and half as high, as in a JPEG of 4:2:0; and its colours, as
            far as the header tells, are those of sRGB.
    """

    format: Format
    stored_width: int
    stored_height: int
    channels: int
    bit_depth: int
    orientation: int
    frames: int = 1
    frames_alpha: bool = False
    halved_chroma: bool = False

    @property
    def animation_channels(self) -> int:
        """What the decoded pixels will have where all frames are decoded."""
        return _BGRA if self.frames_alpha else self.channels

    @property
    def width(self) -> int:
        """Width of the upright picture in pixels."""
        return self.stored_height if self.orientation in _SIDEWAYS else self.stored_width

    @property
    def height(self) -> int:
        """Height of the upright picture in pixels."""
        return self.stored_width if self.orientation in _SIDEWAYS else self.stored_height

    @property
    def has_alpha(self) -> bool:
        """Whether the decoded pixels carry alpha."""
        return self.channels == _BGRA
