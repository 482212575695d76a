"""What a variant should be, in the words of the API."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from pixelpipe.formats.registry import Format
from pixelpipe.recipes.mistakes import Explainer, Mistake, Path, invalid_spec, rule
from pixelpipe.recipes.sizing import Fit, Gravity
from pixelpipe.recipes.spec_fields import (
    Background,
    Factor,
    FocalPoint,
    Limits,
    OutputFormat,
    Share,
    SizeLimits,
    Strict,
    WritableFormat,
)
from pixelpipe.recipes.spec_steps import (
    AvifOptions,
    Blur,
    Corners,
    Crop,
    Duotone,
    JpegOptions,
    JxlOptions,
    Pad,
    Pixelate,
    PngOptions,
    Quad,
    Resize,
    Sharpen,
    Trim,
    Watermark,
    WebpOptions,
)
from pixelpipe.recipes.task import Metadata

__all__ = [
    "FORMAT_MARK",
    "NAME_PATTERN",
    "NAME_WORDS",
    "VARIANT_PATTERN",
    "Fit",
    "FocalPoint",
    "Gravity",
    "Limits",
    "Resize",
    "SizeLimits",
    "Spec",
    "Treatment",
    "expanded",
    "explain_specs",
    "parse_specs",
]

NAME_PATTERN = r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$"
# Stands between a variant's name and its format, and in no name.
FORMAT_MARK = "."
# Of a variant: with several formats each has its format behind the name.
VARIANT_PATTERN = NAME_PATTERN.removesuffix("$") + r"(?:\.[a-z]{2,5})?$"
NAME_WORDS = "1 to 64 of a-z, 0-9, - and _, with a letter or digit at both ends"


class Flip(StrEnum):
    """Which sides change places."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"
    BOTH = "both"


class Profile(StrEnum):
    """Whose colours a variant has."""

    SRGB = "srgb"
    KEEP = "keep"


class Animation(StrEnum):
    """What becomes of an animated source."""

    FIRST = "first"
    KEEP = "keep"


def _each_once(formats: tuple[Format, ...]) -> tuple[Format, ...]:
    if not 0 < len(set(formats)) == len(formats):
        raise rule("must name one or more formats, each once")
    return formats


Formats = Annotated[tuple[WritableFormat, ...], Field(strict=False), AfterValidator(_each_once)]


class Treatment(Strict):
    """What is done to the picture: a spec without its name."""

    rotate: Literal[0, 90, 180, 270] = Field(
        default=0, description="Degrees clockwise; before all else."
    )
    flip: Annotated[Flip, Field(strict=False)] | None = Field(
        default=None, description="Sides that change places, after `rotate`."
    )
    crop: Crop | None = Field(default=None, description="The part that is used.")
    trim: Trim | None = Field(default=None, description="Cut a border of one colour off.")
    resize: Resize | None = Field(default=None, description="The size; absent, that of the source.")
    pad: Pad | None = Field(default=None, description="Add a margin in the background's colour.")
    brightness: Factor = Field(default=1.0, description="Factor of all levels.")
    contrast: Factor = Field(default=1.0, description="Factor of the distance to mid-gray.")
    saturation: Factor = Field(default=1.0, description="Factor of the distance to gray.")
    sepia: Share = Field(default=0.0, description="How far it looks like an old print.")
    duotone: Duotone | None = Field(default=None, description="Two colours in the place of all.")
    grayscale: bool = Field(default=False, description="Whether to drop colour.")
    sharpen: Sharpen | None = Field(default=None, description="Unsharp mask.")
    blur: Blur | None = Field(default=None, description="Gaussian blur.")
    pixelate: Pixelate | None = Field(default=None, description="Squares of one colour.")
    quad: Quad | None = Field(default=None, description="Quad edge-blur.")
    watermark: Watermark | None = Field(default=None, description="A picture laid on top.")
    corners: Corners | None = Field(default=None, description="Round corners.")
    background: Background | None = Field(
        default=None,
        description="Pads a canvas, and lies under what loses its alpha; absent, white, and "
        "transparent on a canvas that keeps alpha; `blurred` pads with the picture itself.",
    )
    format: OutputFormat | None = Field(
        default=None,
        description="Output format; absent, that of the source where it can be written, else PNG "
        "with alpha and JPEG without; `auto` by content and the client's Accept.",
    )
    formats: Formats | None = Field(
        default=None, description="Several formats: one variant each, named NAME.FORMAT."
    )
    quality: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="Quality of a lossy format; absent, that format's default."
    )
    max_bytes: Annotated[int, Field(ge=100)] | None = Field(
        default=None, description="The quality is lowered until the file is no larger."
    )
    jpeg: JpegOptions = Field(default=JpegOptions(), description="For JPEG.")
    png: PngOptions = Field(default=PngOptions(), description="For PNG.")
    webp: WebpOptions = Field(default=WebpOptions(), description="For WebP.")
    avif: AvifOptions = Field(default=AvifOptions(), description="For AVIF.")
    jxl: JxlOptions = Field(default=JxlOptions(), description="For JPEG XL.")
    metadata: Annotated[Metadata, Field(strict=False)] = Field(
        default=Metadata.NONE, description="What of the source's metadata is kept."
    )
    profile: Annotated[Profile, Field(strict=False)] = Field(
        default=Profile.SRGB,
        description="`keep` leaves colours, and their profile, as they are in the source.",
    )
    animation: Annotated[Animation, Field(strict=False)] = Field(
        default=Animation.FIRST,
        description="`keep` makes all frames, where the output format can.",
    )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.format is not None and self.formats is not None:
            raise rule("must have either format or formats")
        resize = self.resize
        if self.trim and resize and resize.enlarge and resize.leaves_a_side_open:
            raise rule("with trim and enlarge needs width and height, and a fit but outside")
        return self


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
    total = sum(1 for _ in expanded(specs))
    if total > limits.max_variants:
        detail = f"must make {limits.max_variants} variants at most, not {total}"
        mistakes.append(Mistake(at, detail))
    if mistakes:
        raise invalid_spec(mistakes)
    return tuple(specs)


def expanded(specs: Iterable[Spec]) -> Iterable[Spec]:
    """One spec for each variant: of one with several formats, one each, named NAME.FORMAT."""
    for spec in specs:
        if spec.formats is None:
            yield spec
            continue
        for each in spec.formats:
            own = {"name": f"{spec.name}{FORMAT_MARK}{each}", "format": each, "formats": None}
            yield spec.model_copy(update=own)


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
