"""Files for the tests of the screens: whole ones, by other codecs than PixelPipe's, and pieces."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screen import screen
from tests.modern_files import ENCODERS

SIZE = (121, 90)


def noise(mode: str = "RGB", size: tuple[int, int] = SIZE, seed: int = 7) -> Image.Image:
    """A picture that does not compress."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), np.uint8)
    return Image.fromarray(pixels, "RGBA").convert(mode)


def saved(picture: Image.Image, target: Format, **options: Any) -> bytes:
    """The picture as a file."""
    if target in ENCODERS:
        return ENCODERS[target](picture, **options)
    stream = io.BytesIO()
    picture.save(stream, str(target), **options)
    return stream.getvalue()


def animated(target: Format, frames: int, size: tuple[int, int] = SIZE) -> bytes:
    """Frames that are all different, the first one at the size of the canvas."""
    first, *later = (noise("RGB", size, seed) for seed in range(frames))
    return saved(first, target, save_all=True, append_images=later, duration=50)


def screened(data: bytes, source: Format, max_frames: int = 1000) -> bytes:
    """What the codec is to see."""
    return bytes(screen(memoryview(data), source, max_frames=max_frames))


def refusal(data: bytes, source: Format) -> str:
    """The sentence in which a file is refused."""
    with pytest.raises(DamagedImageError) as caught:
        screened(data, source)
    return caught.value.detail


def incomplete(source: Format) -> str:
    """What is said of a file that is cut off."""
    return f"The {source.name} is damaged or incomplete; the whole file is needed."


def sub_blocks(data: bytes, size: int = 255) -> bytes:
    """Data as GIF stores them."""
    parts = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def codes(values: list[int], width: int) -> bytes:
    """LZW codes of one width, as GIF packs them."""
    number = sum(value << place * width for place, value in enumerate(values))
    return number.to_bytes((len(values) * width + 7) // 8, "little")


def gif_frame(data: bytes, size: tuple[int, int], code_bits: int = 2) -> bytes:
    """An image block; `data` as `sub_blocks` makes them."""
    return b"\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0) + bytes((code_bits,)) + data


def gif_file(*blocks: bytes, size: tuple[int, int] = (100, 100)) -> bytes:
    """A GIF with a table of 256 colours."""
    screen_descriptor = struct.pack("<HHBBB", *size, 0x87, 0, 0)
    return b"GIF89a" + screen_descriptor + bytes(range(256)) * 3 + b"".join(blocks) + b";"


Tags = dict[int, tuple[int, list[int]]]


def gray_tags(size: tuple[int, int], **tags: int) -> Tags:
    """What every gray TIFF of 8 bits has; `tags` are of type LONG, named as `tag_<number>`."""
    own = {int(name.removeprefix("tag_")): (4, [value]) for name, value in tags.items()}
    width, height = size
    return {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [8]),
        262: (3, [1]),
        277: (3, [1]),
        **own,
    }


def tiff_file(tags: Tags, data: bytes, *, behind: bytes = b"", next_directory: int = 0) -> bytes:
    """A TIFF whose pixel data begin at 8, then its directory, then `behind`."""
    letters = {1: "B", 3: "H", 4: "I", 7: "B", 9: "i"}
    at = 8 + len(data) + len(data) % 2
    entries = values = b""
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = struct.pack(f"<{len(numbers)}{letters[kind]}", *numbers)
        field = packed.ljust(4, b"\0")
        if len(packed) > 4:
            field = struct.pack("<I", at + 2 + 12 * len(tags) + 4 + len(values))
            values += packed + bytes(len(packed) % 2)
        entries += struct.pack("<HHI", tag, kind, len(numbers)) + field
    head = (b"II*\0" + struct.pack("<I", at) + data).ljust(at, b"\0")
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_directory)
    return head + directory + values + behind
