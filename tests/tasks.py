"""Tasks and decodes for tests, small unless said otherwise."""

from dataclasses import replace

from pixelpipe.formats.registry import Format
from pixelpipe.recipes.facts import Facts
from pixelpipe.recipes.sizing import Gravity
from pixelpipe.recipes.task import Decode, Rect, Task, Watermark

FACTS = Facts(
    width=80,
    height=60,
    format=Format.JPEG,
    quality=80,
    reduced=False,
    frames=1,
    dominant="#808080",
    palette=("#808080",),
    blurhash="00",
    thumbhash="",
)

MARK = Watermark(
    image="AAAA",
    gravity=Gravity.SOUTHEAST,
    margin_px=0,
    width_share=None,
    opacity=1.0,
    tile=False,
)

_TASK = Task(
    name="small",
    region=Rect(0, 0, 400, 300),
    width=80,
    height=60,
    canvas=None,
    grayscale=False,
    blur_sigma=0.0,
    quad=None,
    background=(255, 255, 255, 255),
    keep_alpha=False,
    format=Format.JPEG,
    quality=80,
    reduced=False,
)


def make_task(name: str = "small", **changes: object) -> Task:
    """A task of that name."""
    return replace(_TASK, name=name, **changes)  # type: ignore[arg-type]


def make_decode(width: int = 400, height: int = 300, channels: int = 3) -> Decode:
    """The decode of a small upright JPEG."""
    return Decode(Format.JPEG, width, height, channels, 1, 1, width, height)
