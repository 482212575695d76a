"""What a variant should be, in the words of the API."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Protocol, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from pixelpipe.formats.registry import WRITABLE, Format
from pixelpipe.recipes.mistakes import Explainer, Mistake, Path, invalid_spec, rule

NAME_PATTERN = r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$"
NAME_WORDS = "1 to 64 of a-z, 0-9, - and _, with a letter or digit at both ends"

DEFAULT_BAND_PX = 24
DEFAULT_QUAD_SIGMA = 12.0


class SizeLimits(Protocol):
    """How large a variant may be."""

    @property
    def max_side_px(self) -> int:
        """Longest side."""

    @property
    def max_pixels(self) -> int:
        """Most pixels."""


class Limits(SizeLimits, Protocol):
    """How much may be asked for; the settings have these."""

    @property
    def max_variants(self) -> int:
        """Most variants that one job may ask for."""


class Fit(StrEnum):
    """How a picture meets a box of another shape; the words mean what they mean in sharp."""

    COVER = "cover"
    CONTAIN = "contain"
    FILL = "fill"
    INSIDE = "inside"
    OUTSIDE = "outside"


class Gravity(StrEnum):
    """The side or corner that is kept by a crop, and sought by a picture on a canvas."""

    CENTER = "center"
    NORTH = "north"
    NORTHEAST = "northeast"
    EAST = "east"
    SOUTHEAST = "southeast"
    SOUTH = "south"
    SOUTHWEST = "southwest"
    WEST = "west"
    NORTHWEST = "northwest"


def _within_max_side(side_px: int, info: ValidationInfo) -> int:
    limits: Limits | None = info.context
    if limits is not None and side_px > limits.max_side_px:
        raise ValueError(side_px)
    return side_px


def _writable(value: Format) -> Format:
    if value not in WRITABLE:
        raise ValueError(value)
    return value


def _gravity_tag(value: object) -> str:
    return "focal point" if isinstance(value, dict | FocalPoint) else "gravity"


class _Strict(BaseModel):
    """Numbers are numbers, and no field is unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class FocalPoint(_Strict):
    """A point of the upright picture; 0, 0 is its upper left corner and 1, 1 its lower right."""

    x: Annotated[float, Field(ge=0, le=1)]
    y: Annotated[float, Field(ge=0, le=1)]


SidePx = Annotated[int, Field(ge=1), AfterValidator(_within_max_side)]
Sigma = Annotated[float, Field(ge=0.3, le=250)]
QuadSigma = Annotated[float, Field(ge=0.3, le=100)]
GravityOrPoint = Annotated[
    Annotated[Gravity, Field(strict=False), Tag("gravity")]
    | Annotated[FocalPoint, Tag("focal point")],
    Discriminator(_gravity_tag),
]
OutputFormat = Annotated[
    Format,
    Field(strict=False),
    AfterValidator(_writable),
    WithJsonSchema({"type": "string", "enum": [str(f) for f in WRITABLE]}),
]
Color = Annotated[
    str,
    Field(
        pattern="^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$",
        description="a colour written #rgb or #rrggbb",
    ),
]


class Resize(_Strict):
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

    @model_validator(mode="after")
    def _has_a_side(self) -> Self:
        if self.width is None and self.height is None:
            raise rule("needs a width, a height or both")
        return self


class Blur(_Strict):
    """A Gaussian blur."""

    sigma: Sigma = Field(description="Standard deviation in output pixels.")


class Quad(_Strict):
    """The quad edge-blur: four parts, each blurred along its inner cut edges."""

    band_px: Annotated[int, Field(ge=1)] = Field(
        default=DEFAULT_BAND_PX, description="Breadth of the blurred band in output pixels."
    )
    sigma: QuadSigma = Field(
        default=DEFAULT_QUAD_SIGMA, description="Standard deviation in output pixels."
    )


class Treatment(_Strict):
    """What is done to the picture: a spec without its name."""

    resize: Resize | None = Field(default=None, description="The size; absent, that of the source.")
    blur: Blur | None = Field(default=None, description="Gaussian blur.")
    grayscale: bool = Field(default=False, description="Whether to drop colour.")
    quad: Quad | None = Field(default=None, description="Quad edge-blur.")
    format: OutputFormat | None = Field(
        default=None,
        description="Output format; absent, that of the source where it can be written, else PNG "
        "with alpha and JPEG without.",
    )
    quality: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="Quality of a lossy format; absent, that format's default."
    )
    background: Color | None = Field(
        default=None,
        description="Pads a canvas, and lies under what loses its alpha; absent, white, and "
        "transparent on a canvas that keeps alpha.",
    )


class Spec(Treatment):
    """What one variant should be."""

    name: Annotated[str, Field(pattern=NAME_PATTERN, description=NAME_WORDS)]


def parse_specs(raw: object, *, limits: Limits, at: Path = ("variants",)) -> tuple[Spec, ...]:
    """Check a list of specs; an object counts as a list of one.

    Args:
        raw: The parsed JSON.
        limits: How much may be asked for.
        at: Where `raw` stands in the request, for the pointers.

    Raises:
        InvalidSpecError: Its `errors` lists every mistake with its JSON pointer.
    """
    items = [raw] if isinstance(raw, dict) else raw
    if not isinstance(items, list) or not 1 <= len(items) <= limits.max_variants:
        count = f", not {len(items)}" if isinstance(items, list) else ""
        detail = f"must be a list of 1 to {limits.max_variants} specs{count}"
        raise invalid_spec([Mistake(at, detail)])
    explainer = explain_specs(limits)
    specs: list[Spec] = []
    mistakes = _repeated_names(items, at)
    for index, item in enumerate(items):
        try:
            specs.append(Spec.model_validate(item, context=limits))
        except ValidationError as error:
            mistakes += explainer.mistakes(error, (*at, index))
    if mistakes:
        raise invalid_spec(mistakes)
    return tuple(specs)


def explain_specs(limits: Limits) -> Explainer:
    """Puts the mistakes of specs into words, the limits included."""
    return Explainer(Spec, {"width": limits.max_side_px, "height": limits.max_side_px})


def _repeated_names(items: Sequence[object], at: Path) -> list[Mistake]:
    first: dict[str, int] = {}
    mistakes = []
    for index, item in enumerate(items):
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str):
            continue
        if first.setdefault(name, index) != index:
            taken = Mistake((*at, first[name]), "").pointer
            detail = f"must be unique; {taken} has the same name"
            mistakes.append(Mistake((*at, index, "name"), detail))
    return mistakes
