"""Formats, quality, alpha and background; the decode's reduction; what cannot be made."""

from typing import Any

import pytest

from pixelpipe.config import Settings
from pixelpipe.errors import ImageTooSmallError, InvalidSpecError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes.plan import Plan, plan
from pixelpipe.recipes.spec import parse_specs
from pixelpipe.recipes.task import Decode, QuadBlur, Rect, Task

LIMITS = Settings.model_construct()


def source(
    width: int = 600,
    height: int = 400,
    image_format: Format = Format.JPEG,
    *,
    channels: int = 3,
    orientation: int = 1,
) -> SourceInfo:
    return SourceInfo(image_format, width, height, channels, 8, orientation)


def planned(of: SourceInfo, *specs: dict[str, Any], limits: Settings = LIMITS) -> Plan:
    named = [{"name": f"v{index}", **spec} for index, spec in enumerate(specs)]
    return plan(of, parse_specs(named, limits=LIMITS), limits)


def task_of(of: SourceInfo, **spec: Any) -> Task:
    return planned(of, spec).tasks[0]


@pytest.mark.parametrize(
    ("image_format", "channels", "expected"),
    [
        (Format.JPEG, 3, Format.JPEG),
        (Format.PNG, 3, Format.PNG),
        (Format.WEBP, 4, Format.WEBP),
        (Format.AVIF, 3, Format.AVIF),
        (Format.GIF, 4, Format.PNG),
        (Format.GIF, 3, Format.JPEG),
        (Format.TIFF, 4, Format.PNG),
        (Format.BMP, 1, Format.JPEG),
    ],
)
def test_the_format_is_that_of_the_source_where_it_can_be(
    image_format: Format, channels: int, expected: Format
) -> None:
    assert task_of(source(image_format=image_format, channels=channels)).format is expected
    assert task_of(source(image_format=image_format), format="webp").format is Format.WEBP


@pytest.mark.parametrize(("output", "quality"), [("jpeg", 80), ("webp", 80), ("avif", 60)])
def test_each_lossy_format_has_its_quality(output: str, quality: int) -> None:
    assert task_of(source(), format=output).quality == quality
    assert task_of(source(), format=output, quality=1).quality == 1


@pytest.mark.parametrize(
    ("channels", "output", "background", "keep_alpha", "rgba"),
    [
        (4, "png", None, True, (255, 255, 255, 0)),
        (4, "webp", "#123", True, (0x11, 0x22, 0x33, 255)),
        (4, "jpeg", None, False, (255, 255, 255, 255)),
        (4, "jpeg", "#0A0b0C", False, (10, 11, 12, 255)),
        (3, "png", None, False, (255, 255, 255, 255)),
        (1, "avif", "#fff", False, (255, 255, 255, 255)),
    ],
)
def test_alpha_is_kept_where_source_and_format_have_it(
    channels: int, output: str, background: str | None, rgba: tuple[int, ...], *, keep_alpha: bool
) -> None:
    of = source(image_format=Format.PNG, channels=channels)
    task = task_of(of, format=output, background=background)
    assert (task.keep_alpha, task.background) == (keep_alpha, rgba)


def test_effects_are_carried_over() -> None:
    task = task_of(source(), grayscale=True, blur={"sigma": 3}, quad={"band_px": 5, "sigma": 2})
    assert (task.grayscale, task.blur_sigma) == (True, 3)
    assert task.quad == QuadBlur(5, 2)


def test_a_plain_spec_has_no_effects() -> None:
    task = task_of(source())
    assert (task.name, task.grayscale, task.blur_sigma, task.quad) == ("v0", False, 0, None)


def test_the_decode_describes_source_and_pixels() -> None:
    of = source(2728, 2232, orientation=6)
    assert planned(of, {"resize": {"width": 320, "height": 320}}).decode == Decode(
        format=Format.JPEG,
        width=558,  # a quarter, turned
        height=682,
        channels=3,
        orientation=6,
        reduction=4,
        source_width=2232,
        source_height=2728,
    )


def test_a_reduced_size_is_rounded_up() -> None:
    decode = planned(source(2725, 2225), {"resize": {"width": 320}}).decode
    assert (decode.width, decode.height, decode.reduction) == (682, 557, 4)


def test_a_turned_picture_is_reduced_only_where_no_part_of_a_pixel_is_left() -> None:
    small = {"resize": {"width": 20}}
    assert planned(source(1000, 600), small).decode.reduction == 8
    assert planned(source(1000, 600, orientation=3), small).decode.reduction == 8
    assert planned(source(1000, 604, orientation=3), small).decode.reduction == 4
    assert planned(source(1001, 600, orientation=6), small).decode.reduction == 1


def test_a_crop_of_a_reduced_picture_begins_on_a_pixel_of_it() -> None:
    made = planned(source(1000, 610), {"resize": {"width": 100, "height": 100}})
    assert made.decode.reduction == 2
    (task,) = made.tasks
    assert task.region == Rect(194, 0, 610, 610)  # 195 in the middle


@pytest.mark.parametrize(
    ("width", "reduction"),
    [
        (625, 1),  # a ratio of 1.6
        (313, 1),  # 3.19
        (312, 2),  # 3.2 leaves 1.6
        (157, 2),
        (156, 4),
        (79, 4),
        (78, 8),
        (1, 8),
    ],
)
def test_a_jpeg_is_decoded_as_small_as_leaves_enough_to_resize(width: int, reduction: int) -> None:
    assert planned(source(1000, 1000), {"resize": {"width": width}}).decode.reduction == reduction


def test_the_tighter_axis_decides() -> None:
    fill = {"resize": {"width": 100, "height": 300, "fit": "fill"}}
    assert planned(source(1000, 1000), fill).decode.reduction == 2


def test_a_crop_counts_by_its_region() -> None:
    crop = {"resize": {"width": 100, "height": 100}}
    assert planned(source(8000, 640), crop).decode.reduction == 4


def test_the_largest_variant_decides() -> None:
    small, large = {"resize": {"width": 10}}, {"resize": {"width": 300}}
    assert planned(source(1000, 1000), small, large, small).decode.reduction == 2


def test_a_variant_of_the_size_of_the_source_needs_all_pixels() -> None:
    assert planned(source(1000, 1000), {"resize": {"width": 10}}, {}).decode.reduction == 1


@pytest.mark.parametrize("image_format", [f for f in Format if f is not Format.JPEG])
def test_only_jpeg_is_decoded_smaller(image_format: Format) -> None:
    of = source(1000, 1000, image_format)
    assert planned(of, {"resize": {"width": 10}}).decode.reduction == 1


def test_tasks_keep_the_order_of_the_specs() -> None:
    assert [task.name for task in planned(source(), {}, {}, {}).tasks] == ["v0", "v1", "v2"]


def test_variants_that_would_be_too_large_are_all_told() -> None:
    with pytest.raises(InvalidSpecError) as caught:
        planned(
            source(10, 1000),
            {"resize": {"width": 200, "enlarge": True}},
            {"resize": {"width": 5}},
            {"resize": {"width": 900, "height": 900, "fit": "fill", "enlarge": True}},
            limits=Settings.model_construct(max_side_px=1000, max_pixels=500_000),
        )
    assert caught.value.extensions["errors"] == [
        {
            "pointer": "/variants/0",
            "detail": "('v0') would be 200x20000 pixels; a side may have 1000 in jpeg",
        },
        {
            "pointer": "/variants/2",
            "detail": "('v2') would be 900x900 pixels; 500000 in all are allowed",
        },
    ]


def test_padding_counts_towards_the_limits() -> None:
    pad = {"resize": {"width": 16000, "height": 16000, "fit": "contain"}}
    with pytest.raises(InvalidSpecError, match="16000x16000 pixels; 50000000 in all"):
        planned(source(16000, 10), pad)


def test_webp_has_a_limit_of_its_own() -> None:
    wide = source(16384, 2)
    assert task_of(wide, format="png").width == 16384
    with pytest.raises(InvalidSpecError, match="a side may have 16383 in webp"):
        task_of(wide, format="webp")


@pytest.mark.parametrize("size", [{"width": 1}, {"width": 5, "height": 1}, {"height": 1}])
def test_the_quad_needs_two_pixels_a_side(size: dict[str, int]) -> None:
    with pytest.raises(ImageTooSmallError, match=r"'v0' is .* at least 2 a side"):
        task_of(source(), quad={}, resize=size)


def test_two_pixels_are_enough_for_the_quad() -> None:
    assert task_of(source(2, 2), quad={}).quad == QuadBlur(24, 12)
