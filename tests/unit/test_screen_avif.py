import struct

import pytest
from PIL import Image

from pixelpipe.errors import DamagedImageError, FrameLimitError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.av1 import Load, load
from tests.unit.probe_files import box, tiff
from tests.unit.screening import animated, incomplete, noise, refusal, saved, screened

STILL = saved(noise("RGB", (400, 300)), Format.AVIF)
ALPHA = saved(noise("RGBA", (400, 300)), Format.AVIF)
SEQUENCE = animated(Format.AVIF, 4)
EXIF = tiff({256: 1})


def bits(*fields: tuple[int, int]) -> bytes:
    """Fields of (value, bits), most significant first."""
    text = "".join(f"{value:0{size}b}" for value, size in fields)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def unit(kind: int, body: bytes = b"") -> bytes:
    assert len(body) < 128
    return bytes((kind << 3 | 2, len(body))) + body


def sides(width: int, height: int) -> tuple[tuple[int, int], ...]:
    return (15, 4), (15, 4), (width - 1, 16), (height - 1, 16)


def reduced(width: int, height: int) -> bytes:
    return unit(1, bits((0, 3), (1, 1), (1, 1), (5, 5), *sides(width, height)))


FULL = (
    *((0, 3), (0, 1), (0, 1)),  # profile, not still, not reduced
    *((1, 1), (1, 32), (25, 32), (1, 1), (0b00101, 5)),  # timing info, a number of variable length
    *((1, 1), (9, 5), (1, 32), (9, 5), (9, 5)),  # decoder model
    *((1, 1), (1, 5)),  # initial delays; two operating points
    *((0, 12), (9, 5), (1, 1), (1, 1), (0, 21), (1, 1), (3, 4)),
    *((0, 12), (3, 5), (0, 1), (0, 1)),
)
FRAME, TILES, DELIMITER = unit(6, b"x"), unit(4, b"x"), unit(2)


@pytest.mark.parametrize("data", [STILL, ALPHA, SEQUENCE])
def test_real_files_pass(data: bytes) -> None:
    assert screened(data, Format.AVIF) == data


@pytest.mark.parametrize(
    ("kind", "options"), [(b"Exif", {"exif": EXIF}), (b"mime", {"xmp": b"<x/>"})]
)
def test_metadata_are_hidden(kind: bytes, options: dict[str, bytes]) -> None:
    noted = saved(noise("RGB", (40, 30)), Format.AVIF, **options)
    at = noted.index(kind)
    assert screened(noted, Format.AVIF) == noted[:at] + b"skip" + noted[at + 4 :]


def test_a_coded_picture_larger_than_it_says_is_refused() -> None:
    big = saved(noise("RGB", (20, 20)).resize((3000, 2000)).convert("RGBA"), Format.AVIF)
    small = big.replace(struct.pack(">II", 3000, 2000), struct.pack(">II", 30, 20))
    assert "picture of 600 px has 6000000 px coded" in refusal(small, Format.AVIF)


def test_the_first_frame_of_a_sequence_counts_as_well() -> None:
    frames = [Image.new("RGB", (2000, 1500), shade) for shade in ("red", "blue")]
    big = saved(frames[0], Format.AVIF, save_all=True, append_images=frames[1:])
    small = big.replace(struct.pack(">II", 2000, 1500), struct.pack(">II", 20, 15))
    assert "picture of 300 px" in refusal(small, Format.AVIF)


def test_frames_of_a_sequence_are_limited() -> None:
    with pytest.raises(FrameLimitError, match="more than 3 frames"):
        screened(SEQUENCE, Format.AVIF, max_frames=3)


def test_samples_of_one_size_are_counted_by_their_chunks() -> None:
    at = SEQUENCE.index(b"stsz")
    same = SEQUENCE[: at + 8] + struct.pack(">I", 100) + SEQUENCE[at + 12 :]
    runs = same.index(b"stsc") + 16
    flood = same[:runs] + struct.pack(">I", 0x7FFFFFFF) + same[runs + 4 :]
    with pytest.raises(FrameLimitError):
        screened(flood, Format.AVIF)


@pytest.mark.parametrize("shift", [10, 100_000, 0x70000000])
def test_extents_have_to_lie_in_the_file(shift: int) -> None:
    """Each of the four bytes at a time, in `iloc`: offsets, lengths and counts."""
    at, end = STILL.index(b"iloc") + 8, STILL.index(b"iinf") - 4
    refused = 0
    for place in range(at, end - 4):
        (number,) = struct.unpack_from(">I", STILL, place)
        lie = struct.pack(">I", (number + shift) & 0xFFFFFFFF)
        try:
            screened(STILL[:place] + lie + STILL[place + 4 :], Format.AVIF)
        except DamagedImageError:
            refused += 1
    assert refused > (end - at) / 2


def test_extents_that_take_no_bytes_are_counted() -> None:
    """Here 78 bytes are 850,000 of them; 1 KB took a gigabyte."""
    places = b"".join(struct.pack(">HHH", number, 0, 0xFFFF) for number in range(1, 14))
    flood = box(b"iloc", bytes(4), struct.pack(">HH", 0, 13), places)
    at = STILL.index(b"meta") + 8
    (size,) = struct.unpack_from(">I", STILL, at - 12)
    head = STILL[: at - 12] + struct.pack(">I", size + len(flood)) + STILL[at - 8 : at]
    assert "more than 65536 pieces" in refusal(head + flood + STILL[at:], Format.AVIF)


def test_a_cut_file_is_incomplete() -> None:
    assert refusal(STILL[:-10], Format.AVIF) == incomplete(Format.AVIF)


def test_boxes_behind_what_is_needed_are_not_read() -> None:
    odd = STILL + struct.pack(">I4s", 0x7FFFFFFF, b"free")
    assert screened(odd, Format.AVIF) == odd


def test_a_flood_of_boxes_is_refused() -> None:
    at = struct.unpack_from(">I", STILL)[0]
    flood = STILL[:at] + box(b"free") * 70_000 + STILL[at:]
    assert "steps to read" in refusal(flood, Format.AVIF)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (DELIMITER + reduced(300, 200) + FRAME, Load(300, 200, 1)),
        (reduced(65536, 1) + unit(3) + TILES * 4 + FRAME, Load(65536, 1, 2)),
        (reduced(20, 400) + reduced(300, 10) + FRAME, Load(300, 400, 1)),
        (unit(1, bits(*FULL, *sides(640, 480))) + FRAME, Load(640, 480, 1)),
        (reduced(5, 4) + bytes((6 << 3,)) + b"no size", Load(5, 4, 1)),
        (reduced(5, 4) + bytes((6 << 3 | 6, 0x20, 1)) + b"x", Load(5, 4, 1)),
        (reduced(5, 4) + bytes((15 << 3 | 2, 0x80, 1)) + bytes(128), Load(5, 4, 0)),
    ],
)
def test_size_and_frames_of_a_sample(sample: bytes, expected: Load) -> None:
    assert load(memoryview(sample)) == expected


@pytest.mark.parametrize(
    "sample",
    [
        b"",
        FRAME,
        reduced(5, 4) + b"\x32\x7f",
        reduced(5, 4) + b"\x32" + b"\xff" * 9,
        reduced(5, 4) + b"\x36",
        reduced(5, 4) + DELIMITER * 300,
        reduced(5, 4) * 20,
    ],
)
def test_samples_that_no_encoder_makes_are_damage(sample: bytes) -> None:
    with pytest.raises(DamagedImageError):
        load(memoryview(sample))
