"""Tasks and decodes for tests, small unless said otherwise."""

from dataclasses import replace

from pixelpipe.formats.registry import Format
from pixelpipe.recipes.task import Decode, Rect, Task

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
