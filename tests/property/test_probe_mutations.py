"""Whatever the bytes: probe and screen answer or refuse in their own words, within budget."""

import io
from contextlib import suppress
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixelpipe.errors import PixelPipeError
from pixelpipe.formats.probe import read_header
from pixelpipe.formats.reader import MAX_STEPS, Budget
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screen import screen
from pixelpipe.formats.source import SourceInfo
from tests.fuzz.mutations import HUGE_LENGTHS, LENGTHS
from tests.fuzz.mutations import SEEDS as WHOLE_FILES
from tests.unit.probe_files import (
    ALPHA_URN,
    auxl,
    avif,
    bmp,
    box,
    exif,
    exif_segment,
    frame,
    full_box,
    gif,
    gif_comment,
    gif_control,
    ispe,
    jpeg,
    pixi,
    png,
    png_chunk,
    riff_chunk,
    tiff,
    vp8,
    vp8l,
    vp8x,
    webp,
)

MAGICS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\0\0\0\0WEBP",
    b"\0\0\0\x14ftypavif\0\0\0\0avif",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"BM",
    b"",
)


def saved(file_format: str, mode: str) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (9, 7), 3).save(stream, file_format, exif=exif(6))
    return stream.getvalue()


SEEDS = (
    saved("JPEG", "RGB"),
    saved("PNG", "P"),
    saved("WEBP", "RGBA"),
    saved("AVIF", "RGBA"),
    saved("TIFF", "RGB"),
    jpeg(exif_segment(6), b"\xff" * 20, frame(9, 7)),
    png((9, 7), behind=png_chunk(b"eXIf", exif(6))),
    webp(vp8(9, 7)),
    webp(vp8l(9, 7, alpha=True)),
    webp(vp8x(9, 7, 0x08), riff_chunk(b"EXIF", exif(6, ">"))),
    avif(
        ispe(9, 7),
        pixi(8, 8, 8),
        box(b"irot", b"\x01"),
        full_box(b"auxC", ALPHA_URN),
        items={1: (1, 2, 3), 2: (1, 4)},
        references=auxl(2, 1),
    ),
    gif((9, 7), gif_comment(b"abc"), gif_control(1)),
    tiff({256: 9, 257: 7, 258: (8, 8, 8, 8), 262: 2, 277: 4, 338: 2, 274: 6}, ">"),
    bmp((9, 7), 32, header_bytes=124, compression=3, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
)


MAX_FRAMES = 100
# The screen may end a file properly which ends otherwise.
SPARE_BYTES = 64

many = settings(max_examples=500, deadline=None)
some_seed = st.sampled_from(SEEDS + WHOLE_FILES)


def answer(data: bytes) -> SourceInfo | None:
    """What the probe says; None where it refuses."""
    budget = Budget()
    try:
        info = read_header(memoryview(data), budget)
    except PixelPipeError:
        info = None
    assert budget.steps <= MAX_STEPS
    if info is not None:
        check_screen(data, info)
    return info


def check_screen(data: bytes, info: SourceInfo) -> None:
    """It hands on no more than there was, or refuses."""
    with suppress(PixelPipeError):
        kept = screen(memoryview(data), info.format, max_frames=MAX_FRAMES)
        assert len(kept) <= len(data) + SPARE_BYTES


def check_range(info: SourceInfo | None) -> None:
    if info is not None:
        assert info.stored_width > 0
        assert info.stored_height > 0
        assert info.channels in {1, 3, 4}
        depths = range(1, 33) if info.format is Format.JXL else (1, 2, 4, 5, 8, 10, 12, 16)
        assert info.bit_depth in depths
        assert info.orientation in range(1, 9)


@many
@given(seed=some_seed, kept=st.floats(0, 1))
def test_a_cut_file_is_refused_or_keeps_its_size(seed: bytes, kept: float) -> None:
    whole, cut = answer(seed), answer(seed[: int(kept * len(seed))])
    assert whole is not None
    if cut is not None:
        assert (cut.format, cut.stored_width, cut.stored_height) == (
            whole.format,
            whole.stored_width,
            whole.stored_height,
        )


@many
@given(
    seed=some_seed,
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
)
def test_changed_bytes(seed: bytes, changes: list[tuple[float, int]]) -> None:
    data = bytearray(seed)
    for place, value in changes:
        data[int(place * len(data))] = value
    check_range(answer(bytes(data)))


@many
@given(
    seed=some_seed,
    place=st.floats(0, 1),
    number=st.sampled_from(LENGTHS + HUGE_LENGTHS),
    size=st.sampled_from([1, 2, 4]),
    order=st.sampled_from(["big", "little"]),
)
def test_lying_lengths(
    seed: bytes, place: float, number: int, size: int, order: Literal["big", "little"]
) -> None:
    at = int(place * len(seed))
    lie = (number & ((1 << 8 * size) - 1)).to_bytes(size, order)
    check_range(answer(seed[:at] + lie + seed[at + size :]))


@many
@given(one=some_seed, other=some_seed, place=st.floats(0, 1), start=st.floats(0, 1))
def test_two_files_in_one(one: bytes, other: bytes, place: float, start: float) -> None:
    check_range(answer(one[: int(place * len(one))] + other[int(start * len(other)) :]))


@given(seed=st.sampled_from(WHOLE_FILES))
def test_a_whole_file_passes_and_what_is_handed_on_passes_again(seed: bytes) -> None:
    info = answer(seed)
    assert info is not None
    kept = screen(memoryview(seed), info.format, max_frames=MAX_FRAMES)
    assert bytes(screen(kept, info.format, max_frames=MAX_FRAMES)) == bytes(kept)


@many
@given(
    seed=some_seed,
    start=st.floats(0, 1),
    moved=st.floats(0, 1),
    inserted=st.binary(max_size=300),
)
def test_inserted_and_moved_bytes(seed: bytes, start: float, moved: float, inserted: bytes) -> None:
    at, back = int(start * len(seed)), int(moved * len(seed))
    check_range(answer(seed[:at] + inserted + seed[back:]))


@many
@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=400))
def test_any_bytes_behind_any_magic(magic: bytes, rest: bytes) -> None:
    check_range(answer(magic + rest))
