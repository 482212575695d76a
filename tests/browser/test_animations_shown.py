"""Animations as Chromium decodes them: every frame, its time, and how often all are played."""

from base64 import b64encode

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from pixelpipe.formats.animations.parts import Timing
from pixelpipe.formats.registry import FORMATS, Format
from pixelpipe.imaging.pixels import Pixels
from tests.fidelity.animations import (
    DELAYS_MS,
    apng_of,
    decoded,
    encoded,
    gif_frame,
    gif_of,
    moving,
    same_to_the_eye,
)

# Pages of other places, such as about:blank, have no `ImageDecoder`.
SECURE_PLACE = "http://localhost/animations"
DECODE = """async ([content, type]) => {
  const data = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const decoder = new ImageDecoder({ data, type });
  await decoder.tracks.ready;
  const { frameCount, repetitionCount } = decoder.tracks.selectedTrack;
  const frames = [];
  for (let frameIndex = 0; frameIndex < frameCount; frameIndex += 1) {
    const { image } = await decoder.decode({ frameIndex });
    const { displayWidth: width, displayHeight: height, duration } = image;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(image, 0, 0);
    const { data: levels } = context.getImageData(0, 0, width, height);
    frames.push({ width, height, delay: duration / 1000, levels: Array.from(levels) });
  }
  return { frames, again: Number.isFinite(repetitionCount) ? repetitionCount : -1 };
}"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    page = browser.new_page()
    page.route(SECURE_PLACE, lambda route: route.fulfill(body="", content_type="text/html"))
    page.goto(SECURE_PLACE)
    return page


def by_chromium(page: Page, content: bytes, source: Format) -> tuple[list[Pixels], Timing]:
    found = page.evaluate(DECODE, [b64encode(content).decode(), FORMATS[source].media_type])
    frames = [
        np.array(frame["levels"], np.uint8).reshape(frame["height"], frame["width"], 4)
        for frame in found["frames"]
    ]
    delays = tuple(round(frame["delay"]) for frame in found["frames"])
    return [frame[..., [2, 1, 0, 3]] for frame in frames], Timing(delays, found["again"] + 1)


def opaque_or_clear(pixels: Pixels) -> Pixels:
    """Without those that the canvas of a page multiplied by alpha, and divided again."""
    if pixels.shape[-1] == 3:
        return pixels
    return np.where(np.isin(pixels[..., 3:], (0, 255)), pixels, 0)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("plays", [0, 1, 3])
@pytest.mark.parametrize("target", [Format.PNG, Format.WEBP, Format.AVIF])
def test_chromium_shows_what_was_made(
    page: Page, target: Format, plays: int, channels: int
) -> None:
    timing = Timing(DELAYS_MS, plays)
    content = encoded(moving(channels), target, timing)
    frames, shown = by_chromium(page, content, target)
    expected, _ = decoded(content)
    assert shown == timing
    for frame, wanted in zip(frames, expected, strict=True):
        assert same_to_the_eye(opaque_or_clear(frame), opaque_or_clear(wanted), tolerance=2)


@pytest.mark.parametrize("disposal", range(5))
@pytest.mark.parametrize("transparent", [None, 17])
def test_a_gif_is_read_as_by_chromium(page: Page, disposal: int, transparent: int | None) -> None:
    drawn = np.random.default_rng(1).integers(0, 256, (3, 9, 12), dtype=np.uint8)
    content = gif_of(
        (12, 9),
        drawn.tobytes().ljust(768, b"\x40")[:768],
        gif_frame(drawn[0], disposal=disposal),
        gif_frame(drawn[1, :5, :6] // 128 * 17, (3, 2), disposal=disposal, transparent=transparent),
        gif_frame(drawn[2, :2, :2], (10, 7), delay=0),
        loops=2,
    )
    frames, timing = by_chromium(page, content, Format.GIF)
    expected, read = decoded(content)
    assert read == timing == Timing((70, 70, 0), 3)
    assert all(map(same_to_the_eye, frames, expected))


@pytest.mark.parametrize("disposal", range(3))
@pytest.mark.parametrize("over", range(2))
def test_an_apng_is_read_as_by_chromium(page: Page, disposal: int, over: int) -> None:
    drawn = np.random.default_rng(1).integers(0, 256, (3, 9, 12, 4), dtype=np.uint8)
    drawn[..., 3] = drawn[..., 3] // 128 * 255
    content = apng_of(
        (12, 9),
        (drawn[0], (0, 0), disposal, over),
        (drawn[1, :5, :6], (3, 2), disposal, over),
        (drawn[2, :2, :2], (10, 7), 0, 1),
        still=drawn[2],
        plays=2,
    )
    frames, timing = by_chromium(page, content, Format.PNG)
    expected, read = decoded(content)
    assert read == timing == Timing((75,) * 3, 2)
    assert all(map(same_to_the_eye, frames, expected))
