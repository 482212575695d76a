"""What a worker is told to do: concrete numbers, nothing left to decide.

Standard library only: workers import this, and their start must stay light.
"""

from dataclasses import dataclass

from pixelpipe.formats.registry import Format


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle of whole pixels; x to the right, y down."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where a picture of `fit: contain` lies on its padded canvas, in pixels."""

    width: int
    height: int
    left: int
    top: int


@dataclass(frozen=True, slots=True)
class QuadBlur:
    """The quad edge-blur, in output pixels."""

    band_px: int
    sigma: float


@dataclass(frozen=True, slots=True)
class Decode:
    """How the source becomes pixels in the arena.

    Attributes:
        format: The source's format.
        width: Width of the decoded pixels, upright, after the reduction.
        height: Height of them.
        channels: 1 gray, 3 BGR, 4 BGRA; always uint8.
        orientation: The EXIF orientation (1 to 8) that the decoder has to undo.
        reduction: Linear factor by which the codec decodes smaller: 1, 2, 4 or 8.
        source_width: Width of the whole picture, upright, unreduced.
        source_height: Height of it.
    """

    format: Format
    width: int
    height: int
    channels: int
    orientation: int
    reduction: int
    source_width: int
    source_height: int

    @property
    def pixels_bytes(self) -> int:
        """Bytes that the decoded pixels take."""
        return self.width * self.height * self.channels


@dataclass(frozen=True, slots=True)
class Task:
    """One variant: the child of a job.

    Attributes:
        name: The variant's name, unique in its job.
        region: The part of the upright, unreduced source that is used.
        width: Width to which the region is resized.
        height: Height to which the region is resized.
        canvas: The padded canvas around it, or None.
        grayscale: Whether to drop colour.
        blur_sigma: Gaussian sigma in output pixels; 0 for none.
        quad: The quad edge-blur, or None.
        background: Red, green, blue, alpha; pads a canvas, and lies under what loses its alpha.
        keep_alpha: Whether alpha is kept; otherwise it is flattened onto `background`.
        format: The output format.
        quality: 1 to 100; PNG ignores it.
        reduced: Whether the output is smaller than asked, the source being too small.
    """

    name: str
    region: Rect
    width: int
    height: int
    canvas: Canvas | None
    grayscale: bool
    blur_sigma: float
    quad: QuadBlur | None
    background: tuple[int, int, int, int]
    keep_alpha: bool
    format: Format
    quality: int
    reduced: bool

    @property
    def output_width(self) -> int:
        """Width of the finished variant in pixels."""
        return self.canvas.width if self.canvas else self.width

    @property
    def output_height(self) -> int:
        """Height of the finished variant in pixels."""
        return self.canvas.height if self.canvas else self.height
