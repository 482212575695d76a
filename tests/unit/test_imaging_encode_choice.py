"""The format that content chooses, the size that a file must have, the time that AVIF may take."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pixelpipe.errors import MaxBytesUnreachableError
from pixelpipe.formats.registry import Format
from pixelpipe.imaging import encode as encoding
from pixelpipe.imaging.attachments import Attachments
from pixelpipe.imaging.encode import File, encode
from pixelpipe.imaging.encoders.avif import Pace
from pixelpipe.imaging.encoders.codec import Encoded
from pixelpipe.imaging.encoders.fitting import MOST_TRIALS, fit
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.task import Choices, EncodeOptions
from tests.fidelity.pictures import noise, read_only, scene
from tests.tasks import make_task

PHOTOGRAPH = scene(180, 240)
OPAQUE = read_only(np.dstack([PHOTOGRAPH, np.full((180, 240), 255, np.uint8)]))
TRANSPARENT = read_only(np.dstack([PHOTOGRAPH, np.full((180, 240), 90, np.uint8)]))

MODERN = Choices(Format.AVIF, Format.WEBP, Format.PNG)
OLD = Choices(Format.JPEG, Format.PNG, Format.PNG)


def drawing() -> Pixels:
    pixels = np.full((180, 240, 3), 255, np.uint8)
    for line in range(6):
        at = (5, 28 + 28 * line)
        cv2.putText(pixels, "Black on white", at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 2)
    return pixels


def chosen(
    pixels: Pixels, choices: Choices, quality: int = 0, **options: object
) -> tuple[File, Image.Image]:
    asked = EncodeOptions(**options)  # type: ignore[arg-type]
    file = encode(pixels, make_task(choices=choices, quality=quality, options=asked))
    picture = Image.open(io.BytesIO(bytes(file.content)))
    assert picture.format == file.format.name
    return file, picture


def limited(pixels: Pixels, target: Format, max_bytes: int, **options: object) -> File:
    asked = EncodeOptions(max_bytes=max_bytes, **options)  # type: ignore[arg-type]
    return encode(pixels, make_task(format=target, quality=0, options=asked))


class TestChoice:
    @pytest.mark.parametrize("choices", [MODERN, OLD])
    def test_a_photograph(self, choices: Choices) -> None:
        file, picture = chosen(PHOTOGRAPH, choices)
        assert file.format == choices.photograph
        assert file.quality
        assert picture.mode == "RGB"

    @pytest.mark.parametrize("choices", [MODERN, OLD])
    def test_a_photograph_with_alpha_that_is_opaque(self, choices: Choices) -> None:
        file, picture = chosen(OPAQUE, choices)
        assert file.format == choices.photograph
        assert picture.mode == "RGB"

    @pytest.mark.parametrize("choices", [MODERN, OLD])
    def test_a_transparent_photograph(self, choices: Choices) -> None:
        file, picture = chosen(TRANSPARENT, choices)
        assert file.format == choices.transparent
        assert picture.mode == "RGBA"

    def test_a_transparent_photograph_where_no_format_may_hold_it(self) -> None:
        file, picture = chosen(TRANSPARENT, Choices(Format.JPEG, Format.JPEG, Format.JPEG))
        assert file.format == Format.JPEG
        assert picture.mode == "RGB"

    @pytest.mark.parametrize("kept", [Format.PNG, Format.WEBP])
    def test_a_drawing_is_kept_as_it_is(self, kept: Format) -> None:
        file, picture = chosen(drawing(), Choices(Format.JPEG, Format.WEBP, kept))
        assert (file.format, file.quality) == (kept, None)
        assert np.array_equal(np.asarray(picture)[..., ::-1], drawing())

    def test_quality_counts_for_what_is_chosen(self) -> None:
        assert chosen(PHOTOGRAPH, MODERN)[0].quality == 60
        assert chosen(PHOTOGRAPH, OLD)[0].quality == 80
        assert chosen(PHOTOGRAPH, OLD, 31)[0].quality == 31

    def test_a_drawing_that_is_too_large_is_made_with_a_loss(self) -> None:
        squares = np.kron(noise(30, 40, 3), np.ones((6, 6, 1), np.uint8))
        choices = Choices(Format.AVIF, Format.WEBP, Format.WEBP)
        whole = chosen(squares, choices)[0]
        assert whole.format == Format.WEBP
        file, _ = chosen(squares, choices, max_bytes=len(whole.content) - 1)
        assert file.format == Format.AVIF
        assert len(file.content) < len(whole.content)


class TestMaxBytes:
    @pytest.mark.parametrize("target", [Format.JPEG, Format.WEBP, Format.AVIF])
    @pytest.mark.parametrize("share", [0.9, 0.5, 0.25])
    def test_it_fits_and_the_next_quality_would_not(self, target: Format, share: float) -> None:
        whole = limited(PHOTOGRAPH, target, 0)
        most = int(len(whole.content) * share)
        file = limited(PHOTOGRAPH, target, most)
        assert len(file.content) <= most
        assert file.quality is not None
        assert whole.quality is not None
        assert file.quality < whole.quality
        at = {quality: self._at(target, quality) for quality in (file.quality, file.quality + 1)}
        assert at[file.quality] == len(file.content)
        assert at[file.quality + 1] > most

    @staticmethod
    def _at(target: Format, quality: int) -> int:
        return len(encode(PHOTOGRAPH, make_task(format=target, quality=quality)).content)

    @pytest.mark.parametrize("target", [Format.JPEG, Format.WEBP, Format.AVIF])
    def test_what_fits_already_keeps_its_quality(self, target: Format) -> None:
        whole = limited(PHOTOGRAPH, target, 0)
        assert limited(PHOTOGRAPH, target, len(whole.content)).quality == whole.quality

    @pytest.mark.parametrize(
        ("target", "options"),
        [
            (Format.JPEG, {}),
            (Format.WEBP, {}),
            (Format.AVIF, {}),
            (Format.PNG, {}),
            (Format.PNG, {"colors": 16}),
            (Format.WEBP, {"lossless": True}),
        ],
    )
    def test_what_cannot_fit_says_how_small_it_gets(
        self, target: Format, options: dict[str, object]
    ) -> None:
        with pytest.raises(MaxBytesUnreachableError, match=r"has \d+ bytes; `max_bytes` allows 90"):
            limited(PHOTOGRAPH, target, 90, **options)

    def test_metadata_count(self) -> None:
        task = make_task(quality=0, options=EncodeOptions(max_bytes=6000))
        xmp = b"<x/>" + b" " * 3000
        file = encode(PHOTOGRAPH, task, Attachments(xmp=xmp))
        assert xmp in bytes(file.content)
        assert 4500 < len(file.content) <= 6000

    def test_a_png_takes_its_time_before_it_gives_up(self) -> None:
        quick = len(limited(drawing(), Format.PNG, 0).content)
        file = limited(drawing(), Format.PNG, quick - 1)
        assert len(file.content) < quick
        picture = Image.open(io.BytesIO(bytes(file.content)))
        assert np.array_equal(np.asarray(picture)[..., ::-1], drawing())

    def test_a_palette_gets_fewer_colours(self) -> None:
        whole = limited(PHOTOGRAPH, Format.PNG, 0, colors=256)
        most = len(whole.content) // 2
        file = limited(PHOTOGRAPH, Format.PNG, most, colors=256)
        assert len(file.content) <= most
        colors = Image.open(io.BytesIO(bytes(file.content))).getcolors()
        assert colors is not None
        assert 2 <= len(colors) < 256


class TestFit:
    def test_every_level_can_be_the_best(self) -> None:
        for level in range(1, 101):
            tried: list[int] = []

            def encoded(quality: int, tried: list[int] = tried) -> Encoded:
                tried.append(quality)
                return bytes(quality)

            content, best = fit(encoded, 100, level)
            assert (len(content), best) == (level, level)
            assert len(tried) <= MOST_TRIALS

    def test_sizes_that_do_not_grow_are_no_excuse(self) -> None:
        rng = np.random.default_rng(3)
        for _ in range(50):
            sizes = (rng.integers(50, 150, 101) + np.arange(101)).tolist()

            def encoded(level: int, sizes: list[int] = sizes) -> Encoded:
                return bytes(sizes[level])

            content, best = fit(encoded, 100, 160)
            assert len(content) == sizes[best] <= 160
            assert best == 100 or sizes[best + 1] > 160

    def test_nothing_lower_than_the_lowest_is_tried(self) -> None:
        tried: list[int] = []

        def encoded(level: int) -> Encoded:
            tried.append(level)
            return bytes(9)

        with pytest.raises(MaxBytesUnreachableError, match="has 9 bytes"):
            fit(encoded, 40, 8, lowest=2)
        assert min(tried) == 2


class TestBudget:
    @pytest.fixture(autouse=True)
    def _pace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pace = Pace()
        monkeypatch.setattr(encoding, "_pace", self.pace)

    def made(self, **options: object) -> File:
        asked = EncodeOptions(**options)  # type: ignore[arg-type]
        return encode(PHOTOGRAPH, make_task(format=Format.AVIF, quality=0, options=asked))

    def test_without_one_it_is_avif(self) -> None:
        self.pace.correction = 1e9
        assert self.made().format == Format.AVIF

    def test_with_time_enough_the_speed_is_as_asked(self) -> None:
        asked, within = self.made(speed=6), self.made(speed=6, budget_ms=60_000)
        assert bytes(asked.content) == bytes(within.content)

    def test_a_short_time_raises_the_speed(self) -> None:
        budget_ms = int(self.pace.expected_ms(PHOTOGRAPH, 8)) + 1
        assert self.pace.speed_within(PHOTOGRAPH, 2, budget_ms) == 8
        file = self.made(speed=2, budget_ms=budget_ms)
        assert file.format == Format.AVIF
        assert bytes(file.content) == bytes(self.made(speed=8).content)

    def test_no_time_makes_webp(self) -> None:
        self.pace.correction = 1e3
        file = self.made(budget_ms=20)
        assert (file.format, file.quality) == (Format.WEBP, 80)
        assert Image.open(io.BytesIO(bytes(file.content))).format == "WEBP"

    def test_alpha_and_size_are_kept_by_the_fallback(self) -> None:
        self.pace.correction = 1e3
        asked = EncodeOptions(budget_ms=20, max_bytes=3000)
        file = encode(TRANSPARENT, make_task(format=Format.AVIF, quality=0, options=asked))
        assert file.format == Format.WEBP
        assert len(file.content) <= 3000
        assert Image.open(io.BytesIO(bytes(file.content))).mode == "RGBA"

    def test_what_webp_cannot_hold_stays_avif(self) -> None:
        self.pace.correction = 1e3
        asked = EncodeOptions(budget_ms=20)
        wide = np.zeros((2, 17_000, 3), np.uint8)
        file = encode(wide, make_task(format=Format.AVIF, quality=0, options=asked))
        assert file.format == Format.AVIF

    def test_all_trials_for_a_size_share_the_time(self) -> None:
        budget_ms = int(self.pace.expected_ms(PHOTOGRAPH, 10)) + 1
        assert self.made(budget_ms=budget_ms).format == Format.AVIF
        self.pace.correction = 1.0
        assert self.made(budget_ms=budget_ms, max_bytes=3000).format == Format.WEBP

    def test_the_pace_is_learned(self) -> None:
        pixels = np.zeros((500, 500, 3), np.uint8)
        usual_ms = self.pace.expected_ms(pixels, 9)
        for _ in range(30):
            self.pace.learn(pixels, 9, 5 * usual_ms)
        assert self.pace.expected_ms(pixels, 9) > 4 * usual_ms
        assert self.pace.expected_ms(pixels, 3) > 4 * Pace().expected_ms(pixels, 3)

    def test_small_pictures_teach_nothing(self) -> None:
        self.pace.learn(np.zeros((9, 9, 3), np.uint8), 9, 1e6)
        assert self.pace.correction == 1.0

    def test_alpha_takes_longer_and_gray_less(self) -> None:
        expected = [
            self.pace.expected_ms(np.zeros((500, 500, 4), np.uint8)[..., :channels], 6)
            for channels in (4, 3)
        ]
        gray = self.pace.expected_ms(np.zeros((500, 500), np.uint8), 6)
        assert expected[0] > expected[1] > gray
