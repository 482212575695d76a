import io

import numpy as np
import pytest
from PIL import Image

import photograph


def test_the_drawing_is_a_jpeg_of_the_size_asked_for() -> None:
    with Image.open(io.BytesIO(photograph.draw_photograph(97, 65))) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (97, 65), "RGB")


def test_the_drawing_is_the_same_each_time_and_not_plain() -> None:
    first, second = (photograph.draw_photograph(120, 80) for _ in range(2))

    assert first == second
    with Image.open(io.BytesIO(first)) as image:
        darkest, brightest = np.percentile(np.asarray(image), [1, 99])
    assert brightest - darkest > 100


def test_a_comment_changes_the_bytes_and_no_pixel() -> None:
    plain = photograph.draw_photograph(64, 48)
    marked = [photograph.with_comment(plain, text) for text in ("a", "b", "ä")]

    assert len({plain, *marked}) == 4
    pictures = [Image.open(io.BytesIO(jpeg)) for jpeg in (plain, *marked)]
    assert len({picture.tobytes() for picture in pictures}) == 1
    assert pictures[1].info["comment"] == b"a"


def test_a_comment_fills_a_segment_and_no_more() -> None:
    plain = photograph.draw_photograph(64, 48)

    with Image.open(io.BytesIO(photograph.with_comment(plain, "c" * 65533))) as image:
        image.load()
    with pytest.raises(ValueError, match="65533"):
        photograph.with_comment(plain, "c" * 65534)


def test_only_a_jpeg_takes_a_comment() -> None:
    png = b"\x89PNG\r\n\x1a\n"

    assert not photograph.is_jpeg(png)
    with pytest.raises(ValueError, match="JPEG"):
        photograph.with_comment(png, "a")
