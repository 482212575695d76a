"""Files that make an OpenCV crash, hang or eat memory: what becomes of them behind the screen."""

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from pixelpipe.formats.registry import Format
from tests.unit.probe_files import png, png_chunk
from tests.unit.screening import (
    codes,
    gif_file,
    gif_frame,
    gray_tags,
    saved,
    sub_blocks,
    tiff_file,
)

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
MOST_S = 0.9  # a second is all that each file gets
MOST_BYTES = 64 * MIB  # above what the program takes without any file
HARMLESS = png()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a file ended, the CPU time and the memory that it took."""

    ended: str
    seconds: float
    size_bytes: int


def malformed_animation() -> bytes:
    control = png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 5, 4, 0, 0, 1, 10, 0, 0))
    animation = png_chunk(b"acTL", struct.pack(">II", 2, 0))
    return png(before=animation, behind=control + png_chunk(b"fdAT"))


def deflate_bomb() -> bytes:
    packer = zlib.compressobj()
    start = packer.compress(b"")
    dense = packer.compress(bytes(16 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    stream = start + dense * 50
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 100, 8, 0, 0, 0, 0))
    return HARMLESS[:8] + header + png_chunk(b"IDAT", stream) + png_chunk(b"IEND")


def text_bombs() -> bytes:
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(7 * MIB), 1))
    return png(before=text * 300)


def scan_bomb() -> bytes:
    data = saved(Image.new("L", (4000, 4000)), Format.JPEG, progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 400 + b"\xff\xd9"


def reset_flood() -> bytes:
    flood = codes([4] * 8, 3) * 30_000
    return gif_file(gif_frame(sub_blocks(flood), (1000, 1000)), size=(1000, 1000))


def picture_in_a_nutshell() -> bytes:
    """An AVIF of 9 MP that says that it has 100 pixels."""
    data = saved(Image.new("RGB", (3000, 3000)), Format.AVIF, speed=10)
    return data.replace(struct.pack(">II", 3000, 3000), struct.pack(">II", 10, 10))


def tag_bomb() -> bytes:
    """A TIFF of 200 unknown tags that all have the same 4 MB for a value."""
    value = bytes(4 * MIB)
    tags = gray_tags((10, 10), tag_273=8, tag_278=10, tag_279=100)
    entries = [(tag, kind, 1, values[0]) for tag, (kind, values) in sorted(tags.items())]
    entries += [(40_000 + number, 7, len(value), 8) for number in range(200)]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<I", 8 + len(value)) + value
    return head + struct.pack("<H", len(entries)) + packed + bytes(4)


def vast_tile() -> bytes:
    tags = gray_tags((10, 10), tag_322=16384, tag_323=8000, tag_324=8, tag_325=100)
    return tiff_file(tags, bytes(100))


def tall_runs() -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, 7000, 7000, 1, 8, 1, 2, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1080, 0, 0, 1078) + header + b"blue" * 256 + b"\0\1"


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "APNG with an empty fdAT": (malformed_animation, "pixels"),
    "PNG deflate bomb": (deflate_bomb, "damaged-image"),
    "PNG text bombs": (text_bombs, "pixels"),
    "JPEG scan bomb": (scan_bomb, "damaged-image"),
    "GIF of resets": (reset_flood, "damaged-image"),
    "AVIF in a nutshell": (picture_in_a_nutshell, "damaged-image"),
    "TIFF tag bomb": (tag_bomb, "damaged-image"),
    "TIFF of one vast tile": (vast_tile, "damaged-image"),
    "BMP of no runs": (tall_runs, "damaged-image"),
}


@cache
def built(name: str) -> bytes:
    return HOSTILE[name][0]()


def tried(folder: Path, way: str) -> dict[str, Outcome]:
    """The outcome of each hostile file, and under no name that of a harmless one."""
    files = {"": HARMLESS} | {name: built(name) for name in HOSTILE}
    paths = [folder / str(number) for number in range(len(files))]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)
    limits = {"OPENCV_IO_MAX_IMAGE_PIXELS": "50000000", "OPENCV_LOG_LEVEL": "OFF"}
    program = [sys.executable, "-m", "tests.unit.codec_trial", way, *map(str, paths)]
    run = subprocess.run(
        program,
        cwd=ROOT,
        env=os.environ | limits,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=180,
    )
    outcomes = (Outcome(*json.loads(line)) for line in run.stdout.splitlines())
    return dict(zip(files, outcomes, strict=True))


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return tried(tmp_path_factory.mktemp("screened"), "screened")


@pytest.fixture(scope="module")
def unscreened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return tried(tmp_path_factory.mktemp("unscreened"), "unscreened")


@pytest.mark.parametrize("name", HOSTILE)
def test_behind_the_screen_a_hostile_file_costs_next_to_nothing(
    screened: dict[str, Outcome], name: str
) -> None:
    outcome = screened[name]
    assert outcome.ended == HOSTILE[name][1]
    assert outcome.seconds < MOST_S
    assert outcome.size_bytes - screened[""].size_bytes < MOST_BYTES


@pytest.mark.parametrize("name", HOSTILE)
def test_without_the_screen_it_does_harm(unscreened: dict[str, Outcome], name: str) -> None:
    """If this fails, the codec has become better, and a check may go."""
    outcome = unscreened[name]
    assert (
        outcome.ended.startswith("signal")
        or outcome.seconds > MOST_S
        or outcome.size_bytes - unscreened[""].size_bytes > MOST_BYTES
    )
