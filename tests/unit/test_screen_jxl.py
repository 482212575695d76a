import io

import numpy as np
import pytest
from PIL import Image
from pillow_jxl import Decoder

from pixelpipe.errors import DamagedImageError, FrameLimitError, UnsupportedFormatError
from pixelpipe.formats.registry import Format
from tests.hostile.kind import bits_from_low
from tests.modern_files import jxl, packed_jpeg
from tests.unit.jxl_files import (
    ANIMATION,
    PROFILE,
    Fields,
    contained,
    frames_of,
    header,
    in_parts,
    side,
)
from tests.unit.probe_files import box
from tests.unit.screening import incomplete, noise, refusal, screened

STILL = jxl(noise("RGB", (300, 200)), lossless=True, quality=100)
SMALL = (60, 40)
PIXEL = bytes.fromhex("0044004b188b15805dfeff00a2abbc01401289")  # behind the header of a frame


def frame(  # noqa: PLR0913 - a header's fields
    *,
    kind: int = 0,
    crop: tuple[int, int] | None = None,
    duration: int | None = None,
    is_last: bool = True,
    section_bytes: int = 0,
    sections: int = 1,
    ordered: bool = False,
) -> bytes:
    """The header of a modular frame, its table of sections, and sections of zeros."""
    fields: Fields = [(0, 1), (kind, 2), (1, 1), (0, 2), (0, 1), (0, 2), (1, 2)]
    fields += [(0, 2)] if kind != 2 else []  # one pass
    fields += [(crop is not None, 1)]
    for sides in crop or ():
        fields += [(3, 2), (sides - 18688, 30)] if sides >= 18688 else [(1, 2), (sides - 256, 11)]
    if kind == 0:
        fields += [(0, 2)]  # it replaces those before it
        fields += [] if duration is None else [(2, 2), (duration, 8)]
        fields += [(is_last, 1)]
    if not (kind == 0 and is_last):
        fields += [(1, 2)]
        fields += [(0, 1)] if kind == 2 or not crop else []
    fields += [(0, 2), (1, 1), (0, 2), (ordered, 1)]
    fields += [(0, -sum(size for _, size in fields) % 8)]
    table: Fields = [(0, 2), (section_bytes, 10)] * sections
    return bits_from_low(fields) + bits_from_low(table) + bytes(section_bytes * sections)


def pixels(codestream: bytes) -> np.ndarray:
    _, info, content, *_ = Decoder(num_threads=0)(codestream)
    return np.frombuffer(content, np.uint8).reshape(info.height, info.width, -1)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
@pytest.mark.parametrize("effort", [1, 3, 7])
@pytest.mark.parametrize("lossless", [False, True])
def test_what_an_encoder_writes_is_handed_on_whole(
    mode: str, effort: int, *, lossless: bool
) -> None:
    quality = 100 if lossless else 80
    data = jxl(noise(mode, (300, 270)), effort=effort, lossless=lossless, quality=quality)
    assert screened(data, Format.JXL) == data


@pytest.mark.parametrize("cuts", [(), (1,), (2, 300, 5000)])
def test_of_a_container_the_codestream_is_handed_on(cuts: tuple[int, ...]) -> None:
    assert screened(in_parts(STILL, *cuts), Format.JXL) == STILL
    assert screened(contained(box(b"jxlc", STILL), box(b"brob", bytes(9))), Format.JXL) == STILL


def test_a_jpeg_that_was_packed_is_no_jpeg_again() -> None:
    content = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(content, "JPEG")
    packed = packed_jpeg(content.getvalue(), (64, 48))
    assert Decoder(num_threads=0)(packed)[0], "else it shows nothing"
    is_jpeg, *_ = Decoder(num_threads=0)(screened(packed, Format.JXL))
    assert not is_jpeg


def test_of_an_animation_the_first_frame_is_handed_on() -> None:
    assert (pixels(ANIMATION) == (0, 0, 255)).all(), "the decoder hands out the last"
    kept = screened(ANIMATION, Format.JXL)
    assert len(kept) < len(ANIMATION) / 2
    assert (pixels(kept) == (255, 0, 0)).all()


def test_frames_are_limited() -> None:
    assert screened(ANIMATION, Format.JXL, max_frames=3)
    with pytest.raises(FrameLimitError, match="more than 2 frames"):
        screened(ANIMATION, Format.JXL, max_frames=2)


def test_an_animation_with_a_profile_is_not_accepted() -> None:
    data = header(SMALL, color=PROFILE, animated=True) + frames_of(ANIMATION)
    with pytest.raises(UnsupportedFormatError, match="An animated JPEG XL with a profile is not"):
        screened(data, Format.JXL)


def test_a_still_picture_with_a_profile_is_left_to_the_decoder() -> None:
    data = header(SMALL, color=PROFILE) + b"anything"
    assert screened(data, Format.JXL) == data


def test_a_frame_that_is_far_larger_than_its_picture_is_refused() -> None:
    vast = frame(kind=2, crop=(40_000, 40_000))
    assert "picture of 2400 px has 1600000000 px coded" in refusal(header(SMALL) + vast, Format.JXL)


def test_many_layers_are_refused() -> None:
    layer = frame(is_last=False, section_bytes=5)
    few = header((250, 200)) + layer * 30
    assert "ends early" in refusal(few, Format.JXL), "for want of a last frame"
    assert "picture of 50000 px has 1850000 px coded" in refusal(few + layer * 10, Format.JXL)


def test_hidden_frames_are_limited() -> None:
    first = frame(duration=1, is_last=False)
    data = header(SMALL, animated=True) + first + frame(kind=2) * 1100
    assert "more than 1024 of its frames are hidden" in refusal(data, Format.JXL)


def test_sections_are_limited() -> None:
    data = header(SMALL, animated=True) + frame(duration=1, is_last=False)
    vast = frame(kind=2, crop=(1 << 29, 1 << 29))
    assert "cut into far too many sections" in refusal(data + vast, Format.JXL)


def test_frames_in_an_order_of_their_own_are_left_to_the_decoder_or_not_accepted() -> None:
    alone = header(SMALL) + frame(ordered=True)
    assert screened(alone, Format.JXL) == alone
    with pytest.raises(UnsupportedFormatError, match="in an order of its own is not accepted"):
        screened(header(SMALL) + frame(ordered=True, is_last=False), Format.JXL)


def test_a_cut_file_is_incomplete() -> None:
    assert refusal(STILL[:-10], Format.JXL) == incomplete(Format.JXL)


def test_what_a_box_leaves_out_is_damage() -> None:
    whole = contained(box(b"jxlc", STILL))
    with pytest.raises(DamagedImageError):
        screened(whole[:-10], Format.JXL)


def test_the_largest_sides_are_read() -> None:
    assert side(1 << 30) == [(3, 2), ((1 << 30) - 1, 30)]
    data = header((1 << 30, 1 << 30)) + frame(ordered=True)
    assert "sections" in refusal(data, Format.JXL)
