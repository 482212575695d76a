import io
import struct

import pytest

from pixelpipe.formats.registry import Format
from tests.unit.probe_files import frame, segment
from tests.unit.screening import incomplete, noise, refusal, saved, screened

PHOTO = saved(noise(), Format.JPEG)
PROGRESSIVE = saved(noise(), Format.JPEG, progressive=True)
FRAME_AT = PHOTO.index(b"\xff\xc0")
SCAN_AT = PHOTO.index(b"\xff\xda")


def with_size(data: bytes, width: int, height: int, marker: bytes = b"\xff\xc0") -> bytes:
    at = data.index(marker) + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def last_scan(data: bytes) -> bytes:
    return data[data.rindex(b"\xff\xda") : -2]


def with_scans(data: bytes, extra: int) -> bytes:
    return data[:-2] + last_scan(data) * extra + b"\xff\xd9"


@pytest.mark.parametrize(
    "odd",
    [
        b"\0\0\1\2",
        b"\xff" * 5000,
        b"\xff\0" * 5000,
        b"\xff\xd0\xff\x01" * 5000,
        segment(0xFE, b"\xff\xda\xff\xc0" * 100),
        segment(0xE1, b"Exif\0\0" + PROGRESSIVE),
        segment(0xE2, bytes(65533)) * 400,
    ],
)
@pytest.mark.parametrize("at", [2, FRAME_AT, SCAN_AT])
def test_junk_and_metadata_between_segments_pass(odd: bytes, at: int) -> None:
    data = PHOTO[:at] + odd + PHOTO[at:]
    assert screened(data, Format.JPEG) == data


@pytest.mark.parametrize(
    "data",
    [
        PHOTO,
        PROGRESSIVE,
        saved(noise("L"), Format.JPEG),
        saved(noise("CMYK"), Format.JPEG),
        saved(noise(), Format.JPEG, restart_marker_blocks=1),
        saved(noise(), Format.JPEG, progressive=True, restart_marker_rows=1, subsampling=0),
        PHOTO + PHOTO,  # as an MPO
        PHOTO[:-2],
        PHOTO[: len(PHOTO) // 2],
        with_scans(PROGRESSIVE, 80),
        saved(noise().resize((2000, 1500), 1), Format.JPEG, quality=1),
    ],
)
def test_real_files_pass(data: bytes) -> None:
    assert screened(data, Format.JPEG) == data


def test_scans_are_limited() -> None:
    assert "has 110 scans; 100 are allowed" in refusal(with_scans(PROGRESSIVE, 100), Format.JPEG)


def test_scans_of_a_large_picture_are_limited_further() -> None:
    large = saved(noise("L", (40, 40)).resize((7000, 7000)), Format.JPEG, progressive=True)
    assert screened(with_scans(large, 14), Format.JPEG)
    assert "has 21 scans; 20 are allowed at its size" in refusal(with_scans(large, 15), Format.JPEG)


@pytest.mark.parametrize("odd", [b"\xff\xfe\0\2", segment(0xDB, bytes(65)), segment(0xC4, b"")])
def test_a_flood_of_segments_is_refused(odd: bytes) -> None:
    data = PHOTO[:FRAME_AT] + odd * 4100 + PHOTO[FRAME_AT:]
    assert "more than 4096 segments" in refusal(data, Format.JPEG)


@pytest.mark.parametrize("at", [FRAME_AT, SCAN_AT])
def test_a_second_frame_header_is_refused(at: int) -> None:
    data = PHOTO[:at] + frame(5, 4) + PHOTO[at:]
    assert "more than one frame header" in refusal(data, Format.JPEG)


@pytest.mark.parametrize(
    "data",
    [
        with_size(PHOTO, 7000, 7000),
        with_size(PROGRESSIVE, 16000, 3000, b"\xff\xc2"),
        PHOTO[:SCAN_AT] + b"\xff\xd9",
        PHOTO[: SCAN_AT + 20] + b"\xff\xd9",
        b"\xff\xd8" + PHOTO[SCAN_AT:],
        PHOTO[: FRAME_AT + 3],
        PHOTO[: FRAME_AT + 12],
    ],
)
def test_too_few_data_for_the_pixels_are_incomplete(data: bytes) -> None:
    assert refusal(data, Format.JPEG) == incomplete(Format.JPEG)


@pytest.mark.parametrize("flood", [b"\xff\0", b"\xff\xd0", b"\xff\xff", b"\0\0"])
def test_a_scan_far_longer_than_its_pixels_is_refused(flood: bytes) -> None:
    data = PHOTO[:-2] + flood * (1 << 20)
    assert "scan is far longer" in refusal(data, Format.JPEG)


def test_the_fullest_picture_passes() -> None:
    data = saved(noise("RGB", (600, 400)), Format.JPEG, quality=100, subsampling=0)
    assert screened(data, Format.JPEG) == data


def test_the_emptiest_picture_passes() -> None:
    """Two bits for each block is as little as there can be."""
    for mode in ("L", "RGB"):
        for options in ({}, {"optimize": True}, {"progressive": True}):
            stream = io.BytesIO()
            noise(mode).point(lambda _: 0).resize((3000, 2000)).save(stream, "JPEG", **options)
            assert screened(stream.getvalue(), Format.JPEG) == stream.getvalue()


def test_a_segment_shorter_than_its_length_field_is_damage() -> None:
    data = PHOTO[:FRAME_AT] + b"\xff\xe5\0\1" + PHOTO[FRAME_AT:]
    assert "has a length of 1 bytes" in refusal(data, Format.JPEG)
