"""What a worker is told to do: concrete numbers, nothing left to decide.

Standard library only: workers import this, and their start must stay light.
"""

from dataclasses import KW_ONLY, dataclass
from enum import StrEnum

from pixelpipe.formats.registry import Format
from pixelpipe.recipes.sizing import Gravity, Sizing

Rgb = tuple[int, int, int]

MAX_MARK_PIXELS = 2_000_000
MAX_MARK_SIDE_PX = 4096

UPRIGHT = 1
SIDEWAYS = frozenset({5, 6, 7, 8})


class Kernel(StrEnum):
    """The filter of a resize."""

    FAST = "fast"
    LANCZOS3 = "lanczos3"


class Metadata(StrEnum):
    """What a variant keeps of what its source says of itself."""

    NONE = "none"
    COPYRIGHT = "copyright"
    ALL = "all"


class Subsampling(StrEnum):
    """How much of the colour a JPEG keeps, in the usual notation."""

    S420 = "420"
    S422 = "422"
    S444 = "444"


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
class Pad:
    """Pixels that are added on each side."""

    top: int
    right: int
    bottom: int
    left: int


@dataclass(frozen=True, slots=True)
class Trim:
    """Cut the border off that has the colour of the corner; only then is the rest laid out.

    Attributes:
        threshold: How far a level of such a pixel may be from the corner's, 0 to 255.
        sizing: The wanted size of what is left; None keeps it as it is.
        pad: What is then added around it; or None.
    """

    threshold: int
    sizing: Sizing | None
    pad: Pad | None


@dataclass(frozen=True, slots=True)
class Adjust:
    """Factors of 1 change nothing; 0 is black, plain gray, or without colour."""

    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0


@dataclass(frozen=True, slots=True)
class Duotone:
    """Black becomes one colour, white another, each red, green and blue."""

    shadow: Rgb
    highlight: Rgb


@dataclass(frozen=True, slots=True)
class Sharpen:
    """An unsharp mask: the difference to a Gaussian of sigma output pixels, `amount` times."""

    sigma: float
    amount: float


@dataclass(frozen=True, slots=True)
class Watermark:
    """A picture that is laid on top.

    Attributes:
        image: Its file, in base64.
        gravity: Where it lies.
        margin_px: How far from the sides.
        width_share: Its width by the variant's width; None keeps its size, unless it is too large.
        opacity: Over 0, up to 1.
        tile: Whether it is repeated all over, `margin_px` apart.
    """

    image: str
    gravity: Gravity
    margin_px: int
    width_share: float | None
    opacity: float
    tile: bool


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How a file is written, beside its quality; each counts for the formats that have it.

    Attributes:
        max_bytes: The quality is lowered until the file fits; 0 for any size.
        progressive: JPEG: coarse to fine.
        optimize: JPEG: with Huffman tables made for the picture.
        subsampling: JPEG.
        colors: PNG: of a palette; 0 for no palette.
        lossless: WebP and JPEG XL.
        speed: AVIF, 0 to 10, slow to quick; None for the usual one.
        budget_ms: AVIF: where encoding is expected to take longer, WebP is made instead; 0 for
            any time.
    """

    max_bytes: int = 0
    progressive: bool = False
    optimize: bool = False
    subsampling: Subsampling = Subsampling.S420
    colors: int = 0
    lossless: bool = False
    speed: int | None = None
    budget_ms: int = 0


@dataclass(frozen=True, slots=True)
class Choices:
    """The formats among which a picture's content chooses.

    Attributes:
        photograph: For photographs without transparency.
        transparent: For photographs with some.
        drawing: For drawings, screenshots and text, which are kept lossless.
        tells_drawings: Whether there is such a choice; else they are as photographs.
    """

    photograph: Format
    transparent: Format
    drawing: Format
    tells_drawings: bool = True


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
        frames: How many are decoded, one behind the other: 1, or all of an animation.
        keep_profile: Whether colours stay those of the source's own profile, which then lies in
            the sidecar; otherwise they become those of sRGB.
        sidecar_bytes: Room behind the pixels for what tasks need of the source beside them; see
            `imaging.sidecar`. 0 where they need nothing.
        planar: Whether the pixels stay luma and chroma, as a JPEG of 4:2:0 has them: three planes
            one behind the other, the two of chroma half as wide and half as high. Each side is
            rounded up to an even number of pixels; what is too much repeats the last.
    """

    format: Format
    width: int
    height: int
    channels: int
    orientation: int
    reduction: int
    source_width: int
    source_height: int
    _: KW_ONLY
    frames: int = 1
    keep_profile: bool = False
    sidecar_bytes: int = 0
    planar: bool = False

    @property
    def frame_bytes(self) -> int:
        """Bytes that the decoded pixels of one frame take."""
        if self.planar:
            return (self.width + 1) // 2 * ((self.height + 1) // 2) * 6
        return self.width * self.height * self.channels

    @property
    def pixels_bytes(self) -> int:
        """Bytes that the decoded pixels take, all frames and the sidecar behind them included."""
        return self.frame_bytes * self.frames + self.sidecar_bytes


@dataclass(frozen=True, slots=True)
class Task:
    """One variant: the child of a job.

    Attributes:
        name: The variant's name, unique in its job.
        region: The part of the upright, unreduced source that is used.
        width: Width to which the region is resized; with `trim`, the most that it may become.
        height: Height to which the region is resized; likewise.
        canvas: The padded canvas around it, or None.
        grayscale: Whether to drop colour.
        blur_sigma: Gaussian sigma in output pixels; 0 for none.
        quad: The quad edge-blur, or None.
        background: Red, green, blue, alpha; pads a canvas, and lies under what loses its alpha.
        keep_alpha: Whether alpha is kept; otherwise it is flattened onto `background`.
        format: The output format; with `choices`, the largest that it may become.
        quality: 1 to 100; lossless files ignore it. 0 for the usual one of the format.
        reduced: Whether the output is smaller than asked, the source being too small.
        turn: What is done to the resized region, as the EXIF orientation that it undoes.
        bounds: Where the region may be moved to, or cut out of; None for the whole source.
        focus: `attention` or `entropy`: the region is moved to what matters; None leaves it.
        trim: Cut a border of one colour off, within the bounds, before all else; or None.
        kernel: The filter of the resize.
        linear: Whether the resize mixes light, and not levels.
        blurred_canvas: Whether the canvas shows the picture itself, blurred, and no background.
        adjust: Brightness, contrast and saturation, or None.
        sepia: How far colours become those of an old print, 0 to 1.
        duotone: Two colours in the place of all, or None.
        sharpen: The unsharp mask, or None.
        pixelate_px: Side of the squares; 0 for none.
        watermark: What is laid on top, or None.
        corner_radius_px: Radius of round corners; 0 for none.
        options: How the file is written.
        choices: Where the content decides the format; or None.
        metadata: What of the source's metadata goes into the file.
        keep_profile: Whether the source's own colour profile does, with colours as they are.
        animated: Whether all frames are made, and not only the first.
        one_of_several: Whether the same variant is made in other formats as well.
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
    _: KW_ONLY
    turn: int = UPRIGHT
    bounds: Rect | None = None
    focus: Gravity | None = None
    trim: Trim | None = None
    kernel: Kernel = Kernel.FAST
    linear: bool = False
    blurred_canvas: bool = False
    adjust: Adjust | None = None
    sepia: float = 0.0
    duotone: Duotone | None = None
    sharpen: Sharpen | None = None
    pixelate_px: int = 0
    watermark: Watermark | None = None
    corner_radius_px: int = 0
    options: EncodeOptions = EncodeOptions()
    choices: Choices | None = None
    metadata: Metadata = Metadata.NONE
    keep_profile: bool = False
    animated: bool = False
    one_of_several: bool = False

    @property
    def effects(self) -> tuple[object, ...]:
        """What was asked for beside size, place, grayscale and blurs."""
        asked = (
            self.adjust,
            self.sepia,
            self.duotone,
            self.sharpen,
            self.pixelate_px,
            self.watermark,
            self.corner_radius_px,
        )
        return tuple(each for each in asked if each)

    @property
    def possible_formats(self) -> frozenset[Format]:
        """Those of the finished variant; AVIF may become WebP for want of time."""
        chosen = {self.format}
        if self.choices:
            chosen |= {self.choices.photograph, self.choices.transparent, self.choices.drawing}
        if Format.AVIF in chosen and self.options.budget_ms:
            chosen.add(Format.WEBP)
        return frozenset(chosen)

    @property
    def output_width(self) -> int:
        """Width of the finished variant in pixels; with `trim`, the most that it may become."""
        if self.canvas:
            return self.canvas.width
        return self.height if self.turn in SIDEWAYS else self.width

    @property
    def output_height(self) -> int:
        """Height of the finished variant in pixels; with `trim`, the most that it may become."""
        if self.canvas:
            return self.canvas.height
        return self.width if self.turn in SIDEWAYS else self.height
