"""The steps that a spec may ask for, each with its own numbers."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pixelpipe.recipes.marks import MarkUrl
from pixelpipe.recipes.mistakes import rule
from pixelpipe.recipes.sizing import SMART, Fit, Gravity
from pixelpipe.recipes.spec_fields import (
    Color,
    FixedGravity,
    GravityOrPoint,
    MarginPx,
    QuadSigma,
    Share,
    SidePx,
    Sigma,
    Strict,
)
from pixelpipe.recipes.task import Kernel

DEFAULT_BAND_PX = 24
DEFAULT_QUAD_SIGMA = 12.0


class Resize(Strict):
    """The size; one side alone keeps the picture's ratio."""

    width: SidePx | None = Field(default=None, description="Width in pixels.")
    height: SidePx | None = Field(default=None, description="Height in pixels.")
    fit: Annotated[Fit, Field(strict=False)] = Field(
        default=Fit.COVER, description="How the picture meets a box of another shape."
    )
    gravity: GravityOrPoint = Field(
        default=Gravity.CENTER,
        description="What stays in sight, or where on its canvas the picture lies.",
    )
    enlarge: bool = Field(default=False, description="Whether a small source may be enlarged.")
    kernel: Annotated[Kernel, Field(strict=False)] = Field(
        default=Kernel.FAST, description="The filter: quick, or a true Lanczos of radius 3."
    )
    linear: bool = Field(default=False, description="Whether light is mixed, and not levels.")

    @model_validator(mode="after")
    def _has_a_side(self) -> Self:
        if self.width is None and self.height is None:
            raise rule("needs a width, a height or both")
        if self.gravity in SMART and self.fit is not Fit.COVER:
            raise rule(f"can seek {self.gravity} with fit cover only")
        return self

    @property
    def leaves_a_side_open(self) -> bool:
        """Whether the picture's own shape decides how large a side becomes."""
        return self.width is None or self.height is None or self.fit is Fit.OUTSIDE

    @property
    def keeps_all_and_ratio(self) -> bool:
        """Whether nothing is cut, stretched or padded: the size then depends on the shape."""
        return self.leaves_a_side_open or self.fit is Fit.INSIDE


class Crop(Strict):
    """A part of the upright picture, in its pixels."""

    x: Annotated[int, Field(ge=0)] = Field(default=0, description="Left side.")
    y: Annotated[int, Field(ge=0)] = Field(default=0, description="Upper side.")
    width: SidePx = Field(description="Width in pixels.")
    height: SidePx = Field(description="Height in pixels.")


class Trim(Strict):
    """Cut a border off that has the colour of the upper left corner."""

    threshold: Annotated[int, Field(ge=0, le=254)] = Field(
        default=10, description="How far a level may be from the corner's."
    )


class Pad(Strict):
    """Pixels that are added around the finished size."""

    top: MarginPx = Field(default=0, description="Pixels above.")
    right: MarginPx = Field(default=0, description="Pixels to the right.")
    bottom: MarginPx = Field(default=0, description="Pixels below.")
    left: MarginPx = Field(default=0, description="Pixels to the left.")


class Blur(Strict):
    """A Gaussian blur."""

    sigma: Sigma = Field(description="Standard deviation in output pixels.")


class Sharpen(Strict):
    """An unsharp mask."""

    sigma: Annotated[float, Field(ge=0.3, le=20)] = Field(
        default=1.0, description="Standard deviation in output pixels."
    )
    amount: Annotated[float, Field(gt=0, le=10)] = Field(
        default=1.0, description="How many times the difference to the blurred is added."
    )


class Duotone(Strict):
    """Two colours in the place of black and white."""

    # Without descriptions: those of a colour say what it may be.
    shadow: Color
    highlight: Color


class Pixelate(Strict):
    """Squares of one colour."""

    size_px: Annotated[int, Field(ge=2, le=1000)] = Field(description="Their side.")


class Corners(Strict):
    """Round corners, transparent where the format can."""

    radius_px: Annotated[int, Field(ge=1, le=65535)] = Field(
        description="Their radius; half of the shorter side at most."
    )


class Quad(Strict):
    """The quad edge-blur: four parts, each blurred along its inner cut edges."""

    band_px: Annotated[int, Field(ge=1)] = Field(
        default=DEFAULT_BAND_PX, description="Breadth of the blurred band in output pixels."
    )
    sigma: QuadSigma = Field(
        default=DEFAULT_QUAD_SIGMA, description="Standard deviation in output pixels."
    )


class Watermark(Strict):
    """A picture that is laid on top."""

    image: MarkUrl
    gravity: FixedGravity = Field(default=Gravity.SOUTHEAST, description="Where it lies.")
    margin_px: MarginPx = Field(default=0, description="How far from the sides, or between tiles.")
    width: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Its width as a share of the variant's; absent, its own."
    )
    opacity: Share = Field(default=1.0, description="How much of it shows.")
    tile: bool = Field(default=False, description="Whether it is repeated all over.")


def _digits(value: object) -> object:
    """Digits may be written as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class JpegOptions(Strict):
    """How a JPEG is written."""

    progressive: bool = Field(default=False, description="Whether it comes coarse to fine.")
    optimize: bool = Field(default=False, description="Whether its Huffman tables are its own.")
    subsampling: Annotated[Literal["420", "422", "444"], BeforeValidator(_digits)] = Field(
        default="420", description="How much of the colour is kept."
    )


class PngOptions(Strict):
    """How a PNG is written."""

    colors: Annotated[int, Field(ge=2, le=256)] | None = Field(
        default=None, description="Colours of a palette; absent, all there are."
    )


class WebpOptions(Strict):
    """How a WebP is written."""

    lossless: bool = Field(default=False, description="Whether every pixel stays as it is.")


class JxlOptions(Strict):
    """How a JPEG XL is written."""

    lossless: bool = Field(default=False, description="Whether every pixel stays as it is.")


class AvifOptions(Strict):
    """How an AVIF is written."""

    speed: Annotated[int, Field(ge=0, le=10)] | None = Field(
        default=None, description="0 slow and small, 10 quick; absent, 9."
    )
    budget_ms: Annotated[int, Field(ge=1, le=600000)] | None = Field(
        default=None, description="Where it would take longer, a WebP is made instead."
    )
