"""The values that a spec's fields may have."""

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    Tag,
    ValidationInfo,
    WithJsonSchema,
)

from pixelpipe.formats.registry import WRITABLE, Format
from pixelpipe.recipes.sizing import SMART, Gravity

AUTO: Literal["auto"] = "auto"
BLURRED = "blurred"


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


class Strict(BaseModel):
    """Numbers are numbers, and no field is unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class FocalPoint(Strict):
    """A point of the upright picture; 0, 0 is its upper left corner and 1, 1 its lower right."""

    x: Annotated[float, Field(ge=0, le=1)]
    y: Annotated[float, Field(ge=0, le=1)]


def _within_max_side(side_px: int, info: ValidationInfo) -> int:
    limits: Limits | None = info.context
    if limits is not None and side_px > limits.max_side_px:
        raise ValueError(side_px)
    return side_px


def _gravity_tag(value: object) -> str:
    return "focal point" if isinstance(value, dict | FocalPoint) else "gravity"


def _output(value: object) -> Format | Literal["auto"]:
    return AUTO if value == AUTO else _writable(value)


def _writable(value: object) -> Format:
    # Raises ValueError for anything but a format, and TypeError for nothing at all.
    chosen = Format(value) if isinstance(value, str) else None
    if chosen not in WRITABLE:
        raise ValueError(value)
    return chosen


def _fixed(value: object) -> Gravity:
    gravity = Gravity(value) if isinstance(value, str) else None
    if gravity is None or gravity in SMART:
        raise ValueError(value)
    return gravity


def _names(formats: Sequence[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [str(each) for each in formats]})


SidePx = Annotated[int, Field(ge=1), AfterValidator(_within_max_side)]
MarginPx = Annotated[int, Field(ge=0, le=10000)]
Sigma = Annotated[float, Field(ge=0.3, le=250)]
QuadSigma = Annotated[float, Field(ge=0.3, le=100)]
Factor = Annotated[float, Field(ge=0, le=10)]
Share = Annotated[float, Field(ge=0, le=1)]
FixedGravity = Annotated[
    Gravity, PlainValidator(_fixed), PlainSerializer(str), _names(sorted(set(Gravity) - SMART))
]
GravityOrPoint = Annotated[
    Annotated[Gravity, Field(strict=False), Tag("gravity")]
    | Annotated[FocalPoint, Tag("focal point")],
    Discriminator(_gravity_tag),
]
WritableFormat = Annotated[
    Format, PlainValidator(_writable), PlainSerializer(str), _names(WRITABLE)
]
OutputFormat = Annotated[
    Format | Literal["auto"],
    PlainValidator(_output),
    PlainSerializer(str),
    _names((*WRITABLE, AUTO)),
]
Color = Annotated[
    str,
    Field(
        pattern="^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$",
        description="a colour written #rgb or #rrggbb",
    ),
]
Background = Annotated[
    str,
    Field(
        pattern="^(?:#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})|blurred)$",
        description="a colour written #rgb or #rrggbb, or blurred",
    ),
]


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green and blue of a `Color`."""
    digits = color[1:]
    if len(digits) == len("rgb"):
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue
