"""Files made to keep the probe busy: each ends within the budget, counted and not timed."""

import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import pytest

from pixelpipe.errors import PixelPipeError
from pixelpipe.formats.probe import read_header
from pixelpipe.formats.reader import MAX_STEPS, Budget
from tests.unit.probe_files import (
    SOI,
    auxl,
    avif,
    bmp,
    box,
    exif,
    frame,
    full_box,
    gif,
    gif_comment,
    ispe,
    jpeg,
    png,
    png_chunk,
    riff_chunk,
    segment,
    tiff,
    vp8x,
    webp,
)

MANY = 70_000
CALLS_PER_STEP = 10
LARGEST = 32 << 20
LOOP_S = 0.020
AVIF_START = box(b"ftyp", b"avif\0\0\0\0avif")


def nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = full_box(b"meta", inner)
    return inner


def directory(entry_count: int) -> bytes:
    entry = struct.pack("<HHII", 65000, 3, 1, 0)
    return b"II*\0" + struct.pack("<IH", 8, entry_count) + entry * entry_count


def many_references(count: int = MANY) -> bytes:
    header, reference = auxl(2, 1)[8:12], auxl(2, 1)[12:]
    return avif(ispe(5, 4), references=box(b"iref", header, reference * count))


def far_directory(offset: int) -> bytes:
    """A TIFF whose tags and their values lie as far from each other as they can."""
    entries = (struct.pack("<HHII", 256 + number, 4, 2, 8) for number in range(512))
    head = b"II*\0" + struct.pack("<I", offset) + bytes(offset - 8)
    return head + struct.pack("<H", 512) + b"".join(entries)


def many_associations(entry: bytes) -> bytes:
    ipma = full_box(b"ipma", struct.pack(">I", MANY), entry * MANY)
    pitm = full_box(b"pitm", struct.pack(">H", 1))
    return AVIF_START + full_box(b"meta", pitm, box(b"iprp", box(b"ipco", ispe(5, 4)), ipma))


HOSTILE = {
    "JPEG of 32 MB of fill": SOI + b"\xff" * (32 << 20),
    "JPEG of stuffed bytes": SOI + b"\xff\0" * MANY,
    "JPEG of junk": SOI + b"\xff\0" + bytes(32 << 20),
    "JPEG of empty segments": SOI + b"\xff\xe5\0\x02" * MANY,
    "JPEG of empty EXIF segments": SOI + b"\xff\xe1\0\x02" * MANY,
    "JPEG of bare markers": SOI + b"\xff\xd0" * MANY,
    "JPEG of fill and bare markers": SOI + (b"\xff" * 126 + b"\xd0") * MANY,
    "PNG of empty text": png(before=png_chunk(b"tEXt") * MANY),
    "WebP of empty chunks": webp(vp8x(5, 4, 0x08), riff_chunk(b"JUNK", b"") * MANY),
    "GIF of one-byte blocks": gif((5, 4), gif_comment(*[b"x"] * MANY)),
    "GIF of empty extensions": gif((5, 4), gif_comment() * MANY),
    "TIFF of 65,535 entries": directory(65535),
    "AVIF of empty boxes": AVIF_START + box(b"free") * MANY,
    "AVIF of nested boxes": AVIF_START + nested(500),
    "AVIF of many properties": avif(*[ispe(5, 4)] * MANY, items={1: (1,)}),
    "AVIF of associations of other items": many_associations(struct.pack(">HBB", 7, 1, 1)),
    "AVIF of empty associations": many_associations(struct.pack(">HB", 1, 0)),
    "AVIF of many references": many_references(),
    "AVIF of one long reference": avif(ispe(5, 4), references=auxl(2, *[3] * 65535)),
}


# Of each format the file of the largest size that takes longest.
WORST: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: SOI + b"\xff" * LARGEST,
    "PNG": lambda: png(behind=png_chunk(b"IDAT") * (LARGEST // 12)),
    "WebP": lambda: webp(vp8x(5, 4, 0x08), riff_chunk(b"JUNK", b"") * (LARGEST // 8)),
    "GIF": lambda: gif((5, 4), b"\x21\xfe" + b"\x01x" * (LARGEST // 2) + b"\0"),
    "AVIF": lambda: many_references(LARGEST // 14),
    "TIFF": lambda: far_directory(LARGEST),
    "BMP": lambda: bmp((5, 4)) + bytes(LARGEST),
}


def work(data: bytes) -> tuple[PixelPipeError | None, int, int]:
    """How the probe ends on a file, the steps it counts and the function calls it makes."""
    budget, calls, error = Budget(), 0, None

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        read_header(memoryview(data), budget)
    except PixelPipeError as caught:
        error = caught
    finally:
        sys.setprofile(None)
    return error, budget.steps, calls


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_within_the_budget(name: str) -> None:
    error, steps, calls = work(HOSTILE[name])
    assert error is not None
    assert error.status == 422
    assert steps <= MAX_STEPS
    assert calls <= CALLS_PER_STEP * MAX_STEPS


@pytest.mark.parametrize("name", WORST)
def test_the_worst_file_of_each_format_hardly_holds_the_loop(name: str) -> None:
    data = memoryview(WORST[name]())
    taken = []
    for _ in range(5):
        budget, before = Budget(), time.thread_time()
        with suppress(PixelPipeError):
            read_header(data, budget)
        taken.append(time.thread_time() - before)
        assert budget.steps <= MAX_STEPS
    assert min(taken) < LOOP_S


def test_a_spent_budget_says_so() -> None:
    error, steps, _ = work(HOSTILE["GIF of one-byte blocks"])
    assert error is not None
    assert error.detail == (
        "The GIF file is damaged: its header takes more than 4096 steps to read."
    )
    assert steps == MAX_STEPS


def test_a_file_within_the_budget_is_read() -> None:
    blocks = [b"x"] * (MAX_STEPS - 100)
    error, steps, _ = work(gif((5, 4), gif_comment(*blocks)))
    assert error is None
    assert len(blocks) < steps <= MAX_STEPS


def test_a_png_of_thousands_of_pixel_chunks_is_read() -> None:
    budget = Budget()
    data = memoryview(png(behind=png_chunk(b"IDAT") * MANY + png_chunk(b"eXIf", exif(6))))
    assert read_header(data, budget).orientation == 1
    assert budget.steps == MAX_STEPS


def test_a_huge_exif_directory_does_not_cost_the_picture() -> None:
    block = directory(5000)
    data = memoryview(jpeg(segment(0xE1, b"Exif\0\0" + block), frame(5, 4)))
    budget = Budget()
    assert read_header(data, budget).orientation == 1
    assert budget.steps < 100


def test_a_tiff_directory_that_points_at_itself_is_read_once() -> None:
    whole = tiff({256: 5, 257: 4, 258: 8, 262: 1})
    next_directory = struct.pack("<I", 8)
    error, steps, _ = work(whole[:-4] + next_directory)
    assert error is None
    assert steps < 20
