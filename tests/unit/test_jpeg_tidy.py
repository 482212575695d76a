import io
import struct

import pytest
from PIL import Image

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.jpeg_tidy import tidied
from pixelpipe.formats.registry import Format
from tests.unit.probe_files import exif_segment, segment
from tests.unit.screening import noise, saved

PLAIN = saved(noise(), Format.JPEG)
PROGRESSIVE = saved(noise(), Format.JPEG, progressive=True, restart_marker_rows=1)
TABLES_AT = PLAIN.index(b"\xff\xdb")
SPECTRUM = b"\0\x3f\0"


def tidy(data: bytes) -> bytes:
    return bytes(tidied(memoryview(data)))


def pixels(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).tobytes()


@pytest.mark.parametrize("data", [PLAIN, PROGRESSIVE])
def test_a_tidy_file_stays_as_it_is(data: bytes) -> None:
    assert tidy(data) == data


@pytest.mark.parametrize(
    "junk", [b"\0\1junk", b"\xff" * 3000, exif_segment(6), segment(0xFE, b"x")]
)
@pytest.mark.parametrize("data", [PLAIN, PROGRESSIVE])
def test_junk_and_metadata_are_left_out(data: bytes, junk: bytes) -> None:
    at = data.index(b"\xff\xdb")
    assert tidy(data[:at] + junk + data[at:] + b"behind") == data


def test_a_missing_end_is_put_there() -> None:
    assert tidy(PLAIN[:-2]) == PLAIN


def test_an_unknown_version_becomes_a_known_one() -> None:
    assert tidy(PLAIN.replace(b"JFIF\0\1", b"JFIF\0\7")) == PLAIN


@pytest.mark.parametrize(("said", "left"), [(0, 0), (1, 1), (2, 1), (9, 1)])
def test_an_unknown_transform_becomes_that_which_libjpeg_takes_it_for(said: int, left: int) -> None:
    def adobe(transform: int) -> bytes:
        return segment(0xEE, struct.pack(">5sHHHB", b"Adobe", 100, 0, 0, transform))

    made = tidy(PLAIN[:TABLES_AT] + adobe(said) + PLAIN[TABLES_AT:])
    assert adobe(left) in made
    assert len(made) == len(PLAIN) + len(adobe(left))


def test_a_scan_of_a_baseline_file_is_of_the_whole_spectrum() -> None:
    at = PLAIN.index(SPECTRUM, PLAIN.index(b"\xff\xda"))
    assert tidy(PLAIN[:at] + b"\0\0\0" + PLAIN[at + 3 :]) == PLAIN


def test_the_scans_of_a_progressive_file_stay_as_they_are() -> None:
    assert pixels(tidy(PROGRESSIVE)) == pixels(PROGRESSIVE)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_file_that_ends_inside_the_length_of_a_segment_is_incomplete(cut: int) -> None:
    data = PLAIN[: TABLES_AT + cut]
    if cut == 1:
        assert tidy(data) == PLAIN[:TABLES_AT] + b"\xff\xd9"
    else:
        with pytest.raises(DamagedImageError):
            tidy(data)
