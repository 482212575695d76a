"""GIF: the first frame as a browser shows it."""

import struct

import numpy as np
import pytest

from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.files import decoded, plan_for
from tests.fidelity.input_kinds import HEIGHT, KINDS, WIDTH, reference
from tests.unit.probe_files import probed

LEFT, TOP = 7, 5
SCREEN_AT, DESCRIPTOR = 6, struct.Struct("<HHHH")


def shown(content: bytes) -> Pixels:
    """Decoded by what the probe says."""
    info = probed(content)
    stored = (info.stored_height, info.stored_width)
    return decoded(content, plan_for(info.format, stored, info.channels))


def moved(content: bytes) -> bytes:
    """The file with its frame away from the corner of a larger canvas."""
    frame = b"\x2c" + DESCRIPTOR.pack(0, 0, WIDTH, HEIGHT)
    assert content.count(frame) == 1
    canvas = struct.pack("<HH", WIDTH + 2 * LEFT, HEIGHT + 2 * TOP)
    place = b"\x2c" + DESCRIPTOR.pack(LEFT, TOP, WIDTH, HEIGHT)
    whole = content.replace(frame, place)
    return whole[:SCREEN_AT] + canvas + whole[SCREEN_AT + len(canvas) :]


@pytest.mark.parametrize("name", ["gif", "gif transparent"])
def test_around_a_smaller_frame_nothing_is_seen(name: str) -> None:
    made = shown(moved(KINDS[name]()))
    wanted = np.zeros_like(made)
    wanted[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] = reference(name)
    assert (made[..., 3] == wanted[..., 3]).all()
    seen = wanted[..., 3] > 0
    assert (made[seen] == wanted[seen]).all()


@pytest.mark.parametrize("name", ["gif", "gif interlaced", "gif animated"])
def test_the_end_may_be_missing(name: str) -> None:
    content = KINDS[name]()
    assert content.endswith(b";")
    assert (shown(content[:-1]) == reference(name)[..., :3]).all()


@pytest.mark.parametrize("disposal", range(8))
@pytest.mark.parametrize("end", [b"", b";"])
def test_what_becomes_of_the_first_frame_does_not_matter(disposal: int, end: bytes) -> None:
    content = KINDS["gif transparent"]()
    at = content.index(b"\x21\xf9\x04") + 3
    flags = content[at] & ~(7 << 2) | disposal << 2
    content = content[:at] + bytes([flags]) + content[at + 1 : -1] + end
    assert (shown(content) == shown(KINDS["gif transparent"]())).all()
