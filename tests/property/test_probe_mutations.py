"""Whatever the bytes: the probe answers or refuses in its own words, within its budget."""

import io

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixelpipe.errors import PixelPipeError
from pixelpipe.formats.probe import read_header
from pixelpipe.formats.reader import MAX_STEPS, Budget
from pixelpipe.formats.source import SourceInfo
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


def answer(data: bytes) -> SourceInfo | None:
    """What the probe says; None where it refuses."""
    budget = Budget()
    try:
        info = read_header(memoryview(data), budget)
    except PixelPipeError:
        info = None
    assert budget.steps <= MAX_STEPS
    return info


def check_range(info: SourceInfo | None) -> None:
    if info is not None:
        assert info.stored_width > 0
        assert info.stored_height > 0
        assert info.channels in {1, 3, 4}
        assert info.bit_depth in {1, 2, 4, 5, 8, 10, 12, 16}
        assert info.orientation in range(1, 9)


@given(seed=st.sampled_from(SEEDS), kept=st.floats(0, 1))
def test_a_cut_file_is_refused_or_keeps_its_size(seed: bytes, kept: float) -> None:
    whole, cut = answer(seed), answer(seed[: int(kept * len(seed))])
    assert whole is not None
    if cut is not None:
        assert (cut.format, cut.stored_width, cut.stored_height) == (
            whole.format,
            whole.stored_width,
            whole.stored_height,
        )


@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
)
def test_changed_bytes(seed: bytes, changes: list[tuple[float, int]]) -> None:
    data = bytearray(seed)
    for place, value in changes:
        data[int(place * len(data))] = value
    check_range(answer(bytes(data)))


@given(
    seed=st.sampled_from(SEEDS),
    start=st.floats(0, 1),
    moved=st.floats(0, 1),
    inserted=st.binary(max_size=300),
)
def test_inserted_and_moved_bytes(seed: bytes, start: float, moved: float, inserted: bytes) -> None:
    at, back = int(start * len(seed)), int(moved * len(seed))
    check_range(answer(seed[:at] + inserted + seed[back:]))


@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=400))
def test_any_bytes_behind_any_magic(magic: bytes, rest: bytes) -> None:
    check_range(answer(magic + rest))
