import pytest

from pixelpipe.errors import DamagedImageError
from tests.unit.probe_files import gif, gif_comment, gif_control, probed

TRANSPARENT, OPAQUE = gif_control(1), gif_control(0)


@pytest.mark.parametrize("table", [None, 0, 7])
def test_size_of_the_canvas(table: int | None) -> None:
    info = probed(gif((60, 40), TRANSPARENT, table=table, first_frame=(10, 20, 5, 5)))
    assert (info.stored_width, info.stored_height, info.channels) == (60, 40, 4)


@pytest.mark.parametrize(
    ("extensions", "channels"),
    [
        ((), 3),
        ((OPAQUE,), 3),
        ((gif_comment(b"x" * 255, b"y"), TRANSPARENT), 4),
        ((TRANSPARENT, gif_comment()), 4),
        ((TRANSPARENT, OPAQUE), 3),
    ],
)
def test_transparency_of_the_first_frame(extensions: tuple[bytes, ...], channels: int) -> None:
    assert probed(gif((60, 40), *extensions)).channels == channels


def test_transparency_of_a_later_frame_does_not_count() -> None:
    assert probed(gif((60, 40))[:-1] + TRANSPARENT + b"\x2c").channels == 3


def test_the_older_version() -> None:
    assert probed(gif((60, 40)).replace(b"GIF89a", b"GIF87a")).stored_width == 60


@pytest.mark.parametrize("first_frame", [(0, 0, 61, 40), (30, 30, 30, 11), (60, 0, 1, 1)])
def test_a_frame_that_leaves_the_canvas_is_damage(first_frame: tuple[int, int, int, int]) -> None:
    with pytest.raises(DamagedImageError, match="does not fit its canvas of 60x40 px"):
        probed(gif((60, 40), first_frame=first_frame))


@pytest.mark.parametrize("block", [b";", b"\0"])
def test_a_file_without_a_frame_is_damage(block: bytes) -> None:
    with pytest.raises(DamagedImageError, match="no picture"):
        probed(gif((60, 40), table=None)[:13] + block)
