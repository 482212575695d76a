"""What the server sends to a worker is what the worker reads."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pixelpipe.engine.protocol import LENGTH, Batch, MakeStep, Span, decode_batch, frame
from pixelpipe.formats.registry import Format
from pixelpipe.recipes.sizing import Fit, Gravity, Point, Sizing
from pixelpipe.recipes.task import (
    Adjust,
    Canvas,
    Choices,
    Duotone,
    EncodeOptions,
    Kernel,
    Metadata,
    Pad,
    QuadBlur,
    Rect,
    Sharpen,
    Subsampling,
    Task,
    Trim,
)
from tests.tasks import MARK, make_decode, make_task

EVERY: dict[str, Any] = {
    "canvas": Canvas(5, 6, 1, 2),
    "grayscale": True,
    "blur_sigma": 1.5,
    "quad": QuadBlur(3, 2.0),
    "background": (1, 2, 3, 4),
    "keep_alpha": True,
    "reduced": True,
    "turn": 6,
    "bounds": Rect(1, 2, 3, 4),
    "focus": Gravity.ATTENTION,
    "trim": Trim(7, Sizing(3, None, Fit.INSIDE, Point(0.1, 0.2), enlarge=True), Pad(1, 2, 3, 4)),
    "kernel": Kernel.LANCZOS3,
    "linear": True,
    "blurred_canvas": True,
    "adjust": Adjust(contrast=0.5),
    "sepia": 0.5,
    "duotone": Duotone((1, 2, 3), (4, 5, 6)),
    "sharpen": Sharpen(1.0, 2.0),
    "pixelate_px": 4,
    "watermark": MARK,
    "corner_radius_px": 9,
    "options": EncodeOptions(max_bytes=5, subsampling=Subsampling.S444, speed=3),
    "choices": Choices(Format.AVIF, Format.WEBP, Format.PNG, tells_drawings=False),
    "metadata": Metadata.ALL,
    "keep_profile": True,
    "animated": True,
    "one_of_several": True,
}


def batch(*tasks: Task) -> Batch:
    steps = tuple(MakeStep(n, task, Span(n, 9)) for n, task in enumerate(tasks))
    decode = replace(make_decode(), frames=3, sidecar_bytes=40)
    return Batch(7, decode, Span(0, 99), 1, None, 50, steps)


def read(sent: Batch) -> Batch:
    message = frame(sent)
    assert LENGTH.unpack_from(message)[0] == len(message) - LENGTH.size
    return decode_batch(json.loads(message[LENGTH.size :]))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        EVERY,
        *({name: value} for name, value in EVERY.items()),
        {"trim": Trim(0, None, None)},
        {"trim": Trim(0, Sizing(None, 4, Fit.COVER, Gravity.EAST, enlarge=False), None)},
    ],
)
def test_a_task_arrives_as_it_was_sent(changes: dict[str, Any]) -> None:
    sent = batch(make_task(**changes), make_task("other"))
    assert read(sent) == sent


def test_what_nobody_asked_for_is_not_sent() -> None:
    plain, every = (frame(batch(make_task(**changes))) for changes in ({}, EVERY))
    assert b"watermark" in every
    assert b"watermark" not in plain
    assert b"sepia" not in plain
