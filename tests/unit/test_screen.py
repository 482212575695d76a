"""What holds for the screens of all formats."""

import pytest

from pixelpipe.errors import DamagedImageError, FrameLimitError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screen import screen
from tests.unit.screening import animated, incomplete, noise, refusal, saved, screened

ANIMATED = (Format.PNG, Format.WEBP, Format.AVIF, Format.GIF)
UNTOUCHED = (Format.JPEG, Format.PNG, Format.AVIF, Format.GIF, Format.TIFF, Format.BMP)


@pytest.mark.parametrize("source", UNTOUCHED)
def test_a_plain_file_is_handed_on_in_the_same_memory(source: Format) -> None:
    data = memoryview(bytearray(saved(noise(), source)))
    handed_on = screen(data, source, max_frames=1)
    assert handed_on == data
    assert handed_on.obj is data.obj


def test_a_plain_webp_is_handed_on_whole() -> None:
    data = saved(noise(), Format.WEBP)
    assert screened(data, Format.WEBP) == data


@pytest.mark.parametrize("source", list(Format))
@pytest.mark.parametrize("trailer", [b"\0", b"\xff\xd8\xff\xe1 another", bytes(5000)])
def test_bytes_behind_the_end_do_no_harm(source: Format, trailer: bytes) -> None:
    data = saved(noise(), source)
    assert data.startswith(screened(data + trailer, source)[: len(data)])


@pytest.mark.parametrize("source", ANIMATED)
def test_frames_are_limited(source: Format) -> None:
    data = animated(source, 5, (20, 15))
    screened(data, source, max_frames=5)
    with pytest.raises(FrameLimitError, match="more than 4 frames") as caught:
        screened(data, source, max_frames=4)
    assert (caught.value.slug, caught.value.status) == ("frame-limit", 422)


@pytest.mark.parametrize("source", list(Format))
@pytest.mark.parametrize("share", [0.4, 0.7, 0.97])
def test_a_cut_file_is_incomplete_or_left_to_the_codec(source: Format, share: float) -> None:
    data = saved(noise(), source)
    cut = data[: int(len(data) * share)]
    if source == Format.JPEG:
        assert screened(cut, source) == cut
    else:
        assert refusal(cut, source) == incomplete(source)


@pytest.mark.parametrize("source", list(Format))
def test_nothing_but_a_file_s_beginning_is_refused_in_its_words(source: Format) -> None:
    data = saved(noise(), source)
    for size in range(64):
        with pytest.raises(DamagedImageError):
            screen(memoryview(data[:size]), source, max_frames=1)
