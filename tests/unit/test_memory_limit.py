"""How much memory a batch may need: pure numbers."""

import pytest

from pixelpipe.engine.confinement import Confinement
from pixelpipe.engine.memory_limit import batch_bytes, decode_bytes, most_bytes, task_bytes
from pixelpipe.engine.pages import MIB
from pixelpipe.engine.protocol import Batch, MakeStep, Span
from pixelpipe.formats.registry import WRITABLE, Format
from pixelpipe.recipes.task import Canvas, Decode, Task
from tests.tasks import make_decode, make_task

# Measured at 50 MP: the most that each codec, with all that is done to its pixels, had at once.
DECODES = {
    Format.JPEG: 15,
    Format.PNG: 16,
    Format.WEBP: 10,
    Format.AVIF: 38,
    Format.GIF: 8,
    Format.TIFF: 20,
    Format.BMP: 8,
    Format.HEIC: 23,
    Format.JXL: 36,
}
TASKS = {Format.JPEG: 16, Format.PNG: 19, Format.WEBP: 34, Format.AVIF: 50, Format.JXL: 45}
SIDES = ((8000, 6250), (16384, 3051), (65535, 762))


def decode_of(form: Format, width: int, height: int, reduction: int = 1) -> Decode:
    reduced = -(-width // reduction), -(-height // reduction)
    return Decode(form, *reduced, 4, 1, reduction, width, height)


def batch(decode: Decode, *tasks: Task, ticket: int | None = 1, source_bytes: int = 0) -> Batch:
    steps = tuple(MakeStep(2, task, None) for task in tasks)
    return Batch(1, decode, Span(0, 1), ticket, Span(0, 1), source_bytes, steps)


@pytest.mark.parametrize("form", Format)
def test_a_decode_may_have_more_than_was_ever_measured(form: Format) -> None:
    assert decode_bytes(decode_of(form, 8000, 6250)) >= 1.25 * DECODES[form] * 50_000_000


@pytest.mark.parametrize("form", WRITABLE)
def test_a_task_may_have_more_than_was_ever_measured(form: Format) -> None:
    task = make_task(width=8000, height=6250, format=form)
    most = task_bytes(task, decode_of(Format.PNG, 8000, 6250))
    assert most >= 1.25 * TASKS[form] * 50_000_000


@pytest.mark.parametrize(("width", "height"), SIDES)
def test_no_batch_within_the_limits_needs_more_than_the_most(width: int, height: int) -> None:
    confinement = Confinement(max_pixels=50_000_000, max_upload_bytes=MIB)
    for source in Format:
        for output in WRITABLE:
            task = make_task(width=width, height=height, format=output)
            decode = decode_of(source, width, height)
            assert batch_bytes(batch(decode, task, source_bytes=MIB)) <= most_bytes(confinement)


def test_a_small_photograph_may_not_have_what_a_large_one_may() -> None:
    photo = batch(decode_of(Format.JPEG, 4000, 3000), make_task(width=1200, height=900))
    assert batch_bytes(photo) < 1024 * MIB < most_bytes(Confinement())


def test_of_several_tasks_the_greediest_counts() -> None:
    small, large = make_task(), make_task(width=4000, height=3000, format=Format.AVIF)
    decode = make_decode(4000, 3000)
    assert batch_bytes(batch(decode, small, large)) == batch_bytes(batch(decode, large))
    assert batch_bytes(batch(decode, small, large)) > batch_bytes(batch(decode, small))


def test_pixels_that_are_there_already_are_not_decoded_again() -> None:
    decode = decode_of(Format.AVIF, 4000, 3000)
    again = batch_bytes(batch(decode, make_task(), ticket=None))
    assert again < batch_bytes(batch(decode, make_task()))


def test_a_reduced_decode_counts_as_a_whole_one() -> None:
    whole, reduced = (decode_of(Format.JPEG, 4000, 3000, reduction) for reduction in (1, 8))
    assert decode_bytes(whole) == decode_bytes(reduced)


def test_a_canvas_counts_with_its_border() -> None:
    bare = make_task(width=100, height=100)
    padded = make_task(width=100, height=100, canvas=Canvas(5000, 5000, 0, 0))
    assert task_bytes(padded, make_decode()) > 100 * task_bytes(bare, make_decode()) / 10


def test_the_source_counts_for_its_copies() -> None:
    decode = make_decode()
    more = batch_bytes(batch(decode, source_bytes=MIB)) - batch_bytes(batch(decode))
    assert more >= 2 * MIB
