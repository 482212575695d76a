"""What the server sends to a worker is what the worker reads."""

import json
import socket
import struct
from dataclasses import replace
from typing import Any

import pytest

from pixelpipe.engine.protocol import (
    LENGTH,
    Batch,
    MakeStep,
    Span,
    batch_frame,
    decode_batch,
    frame,
    read_frame,
)
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
    message = batch_frame(sent)
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
    # The second time its words are known.
    assert read(sent) == read(sent) == sent


def test_a_batch_says_what_its_parts_say() -> None:
    for sent in (batch(), batch(make_task(), make_task(**EVERY)), replace(batch(), source=None)):
        said = batch_frame(sent)
        assert json.loads(said[LENGTH.size :]) == json.loads(frame(sent)[LENGTH.size :])


def test_tasks_that_differ_in_one_thing_differ_in_their_words() -> None:
    tasks = [make_task(**{name: value}) for name, value in EVERY.items()]
    assert [step.task for step in read(batch(make_task(), *tasks)).steps[1:]] == tasks


def test_a_step_without_room_for_its_output_says_so() -> None:
    sent = replace(batch(), steps=(MakeStep(1, make_task(), None),))
    assert read(sent) == sent


def test_what_nobody_asked_for_is_not_sent() -> None:
    plain, every = (batch_frame(batch(make_task(**changes))) for changes in ({}, EVERY))
    assert b"watermark" in every
    assert b"watermark" not in plain
    assert b"sepia" not in plain


def test_a_worker_that_waits_is_told_so_and_loses_nothing() -> None:
    here, there = socket.socketpair()
    message = frame({"ticket": 1})
    rests: list[int] = []

    def rest() -> None:
        # In the middle of the length, then of the body, then what is left.
        rests.append(len(rests))
        there.sendall((message[:2], message[2:6], message[6:])[rests[-1]])

    with here, there:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 1000))
        assert read_frame(here, rest) == {"ticket": 1}
    assert rests == [0, 1, 2]
