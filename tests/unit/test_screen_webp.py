import struct

import pytest

from pixelpipe.formats.registry import Format
from tests.unit.probe_files import exif, riff_chunk, vp8x, webp
from tests.unit.screening import animated, incomplete, noise, refusal, saved, screened

LOSSY = saved(noise(), Format.WEBP)
LOSSLESS = saved(noise("RGBA"), Format.WEBP, lossless=True)
WITH_ALPHA = saved(noise("RGBA"), Format.WEBP)
PICTURE = LOSSY[12:]
METADATA = riff_chunk(b"EXIF", exif(6)) + riff_chunk(b"XMP ", b"<xmp/>")
PROFILE = riff_chunk(b"ICCP", b"profile")
ANIM = riff_chunk(b"ANIM", bytes(6))


def frame(picture: bytes, left: int = 0, size: tuple[int, int] = (121, 90)) -> bytes:
    places = [left // 2, 0, size[0] - 1, size[1] - 1, 100]
    header = b"".join(place.to_bytes(3, "little") for place in places) + b"\0"
    return riff_chunk(b"ANMF", header + picture)


def animation(*chunks: bytes, size: tuple[int, int] = (121, 90), flags: int = 0x02) -> bytes:
    return webp(vp8x(*size, flags), *chunks)


@pytest.mark.parametrize("data", [LOSSY, LOSSLESS, WITH_ALPHA])
def test_what_has_no_metadata_is_handed_on_whole(data: bytes) -> None:
    assert screened(data, Format.WEBP) == data


def test_metadata_and_unknown_chunks_are_left_out() -> None:
    data = webp(vp8x(121, 90, 0x2C), PROFILE, riff_chunk(b"JUNK", b"x"), PICTURE, METADATA)
    assert screened(data, Format.WEBP) == webp(vp8x(121, 90), PICTURE)
    assert screened(webp(PICTURE, METADATA), Format.WEBP) == LOSSY


def test_alpha_stays() -> None:
    assert b"ALPH" in WITH_ALPHA
    flags_at = 20
    data = WITH_ALPHA[:flags_at] + bytes([WITH_ALPHA[flags_at] | 0x08]) + WITH_ALPHA[21:] + METADATA
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    assert screened(data, Format.WEBP) == WITH_ALPHA


def test_of_an_animation_the_first_frame_is_left() -> None:
    data = animation(ANIM, frame(PICTURE), frame(PICTURE), METADATA)
    assert screened(data, Format.WEBP) == animation(ANIM, frame(PICTURE))
    whole = animated(Format.WEBP, 3)
    assert len(screened(whole, Format.WEBP)) < len(whole) / 2


def test_what_no_frame_covers_is_transparent_whatever_the_file_says() -> None:
    parts = (ANIM, frame(PICTURE))
    data = animation(*parts, size=(130, 90))
    assert screened(data, Format.WEBP) == animation(*parts, size=(130, 90), flags=0x12)


def test_chunks_inside_a_frame_are_left_out() -> None:
    data = animation(ANIM, frame(riff_chunk(b"JUNK", b"x") + PICTURE + METADATA))
    assert screened(data, Format.WEBP) == animation(ANIM, frame(PICTURE))


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (webp(METADATA), "none of VP8, VP8L and VP8X"),
        (webp(riff_chunk(b"VP8X", bytes(9)), PICTURE), "VP8X chunk is too short"),
        (webp(vp8x(122, 90), PICTURE), "holds 121x90 pixels where it says 122x90"),
        (webp(vp8x(121, 90), METADATA), "no picture"),
        (webp(vp8x(121, 90), riff_chunk(b"JUNK", b"") * 6000, PICTURE), "far too many chunks"),
        (webp(riff_chunk(b"VP8 ", bytes(20))), "does not begin with a key frame"),
        (webp(riff_chunk(b"VP8L", bytes(20))), "does not begin with the signature"),
        (animation(frame(PICTURE)), "animation without frames"),
        (animation(ANIM, METADATA), "animation without frames"),
        (animation(ANIM, frame(METADATA)), "no picture"),
        (animation(ANIM, frame(PICTURE, left=2)), "does not fit its canvas of 121x90 px"),
        (animation(ANIM, frame(PICTURE, size=(120, 90))), "where it says 120x90"),
        (animation(ANIM, frame(PICTURE), riff_chunk(b"JUNK", b"") * 6000), "too many chunks"),
    ],
)
def test_what_no_writer_writes_is_damage(data: bytes, fault: str) -> None:
    assert fault in refusal(data, Format.WEBP)


@pytest.mark.parametrize(
    "data",
    [
        LOSSY[:-3],
        LOSSY[:4] + struct.pack("<I", 0xFFFFFFF0) + LOSSY[8:],
        webp(vp8x(121, 90), b"JUNK" + struct.pack("<I", 0xFFFFFFF0), PICTURE),
        webp(vp8x(121, 90), PICTURE[:-4]),
        animation(ANIM, frame(PICTURE[:-4])),
        animation(ANIM, frame(PICTURE), b"ANMF" + struct.pack("<I", 1000)),
        animation(ANIM, riff_chunk(b"ANMF", bytes(15))),
        webp(riff_chunk(b"VP8 ", bytes(9))),
    ],
)
def test_lengths_that_lie_are_not_believed(data: bytes) -> None:
    assert refusal(data, Format.WEBP) == incomplete(Format.WEBP)


def test_behind_the_picture_nothing_is_read() -> None:
    assert screened(webp(PICTURE + b"EXIF\xf0\xff\xff\xff"), Format.WEBP) == LOSSY


def test_a_tiny_file_is_made_long_enough_for_the_codec() -> None:
    tiny = saved(noise("RGB", (1, 1)).point(lambda _: 0), Format.WEBP, lossless=True)
    assert len(screened(tiny, Format.WEBP)) >= 32
