"""What holds for every plan, whatever the source and the wish."""

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pixelpipe.config import Settings
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes.cost import cost_ms
from pixelpipe.recipes.plan import plan
from pixelpipe.recipes.sizing import SMART
from pixelpipe.recipes.spec import Fit, FocalPoint, Gravity, Resize, Spec
from pixelpipe.recipes.task import Task

LIMITS = Settings.model_construct(max_side_px=2**31, max_pixels=2**62)

sides = st.integers(1, 3000) | st.sampled_from([1, 2, 3, 640, 1080, 2725])
units = st.floats(0, 1)
sources = st.builds(
    SourceInfo,
    st.sampled_from([Format.JPEG, Format.PNG]),
    sides,
    sides,
    st.sampled_from([1, 3, 4]),
    st.just(8),
    st.integers(1, 8),
)
gravities = st.sampled_from(sorted(set(Gravity) - SMART)) | st.builds(FocalPoint, x=units, y=units)


def resizes(fits: st.SearchStrategy[Fit], **fixed: st.SearchStrategy[Any]) -> Any:
    fields = {"width": sides, "height": sides, "gravity": gravities, **fixed}
    return st.builds(Resize, fit=fits, **fields)


any_resize = resizes(st.sampled_from(Fit), enlarge=st.booleans())
shrinking = resizes(st.sampled_from(Fit))
one_side = st.builds(Resize, width=sides, enlarge=st.booleans()) | st.builds(
    Resize, height=sides, enlarge=st.booleans()
)


def planned(source: SourceInfo, resize: Resize) -> Task:
    return plan(source, [Spec.model_validate({"name": "a", "resize": resize})], LIMITS).tasks[0]


def asked(resize: Resize) -> tuple[int, int]:
    assert resize.width is not None
    assert resize.height is not None
    return resize.width, resize.height


@given(sources, any_resize | one_side)
def test_the_region_lies_inside_the_source(source: SourceInfo, resize: Resize) -> None:
    region = planned(source, resize).region
    assert min(region.x, region.y) >= 0
    assert min(region.width, region.height) >= 1
    assert region.x + region.width <= source.width
    assert region.y + region.height <= source.height


@given(sources, any_resize)
def test_the_picture_lies_inside_its_canvas(source: SourceInfo, resize: Resize) -> None:
    task = planned(source, resize)
    if task.canvas:
        assert resize.fit is Fit.CONTAIN
        assert min(task.canvas.left, task.canvas.top) >= 0
        assert task.canvas.left + task.width <= task.canvas.width
        assert task.canvas.top + task.height <= task.canvas.height


@given(sources, any_resize)
def test_the_output_is_as_asked_or_marked_as_reduced(source: SourceInfo, resize: Resize) -> None:
    task = planned(source, resize)
    width, height = asked(resize)
    assert not (task.reduced and resize.enlarge)
    if resize.fit is Fit.INSIDE:
        assert task.width <= width
        assert task.height <= height
        assert task.width == width or task.height == height or task.reduced
    elif resize.fit is Fit.OUTSIDE:
        assert (task.width >= width and task.height >= height) or task.reduced
        assert task.width == width or task.height == height or task.reduced
    else:
        as_asked = (task.output_width, task.output_height) == (width, height)
        assert as_asked != task.reduced


@given(sources, shrinking | st.builds(Resize, width=sides) | st.builds(Resize, height=sides))
def test_nothing_is_enlarged_unless_asked(source: SourceInfo, resize: Resize) -> None:
    task = planned(source, resize)
    assert task.width <= task.region.width
    assert task.height <= task.region.height
    if resize.fit is not Fit.OUTSIDE:
        assert task.output_width <= (resize.width or source.width)
        assert task.output_height <= (resize.height or source.height)


@given(sources, resizes(st.sampled_from([Fit.COVER, Fit.FILL])))
def test_a_reduced_box_is_the_largest_that_fits(source: SourceInfo, resize: Resize) -> None:
    task = planned(source, resize)
    if not task.reduced:
        return
    width, height = asked(resize)
    # The least factor that would give a pixel more on one side: it must be too large already.
    more = min(Fraction(task.width + 1, width), Fraction(task.height + 1, height))
    assert width * more > source.width or height * more > source.height


@given(sources, resizes(st.just(Fit.CONTAIN)))
def test_a_reduced_canvas_holds_the_whole_source_as_it_is(
    source: SourceInfo, resize: Resize
) -> None:
    task = planned(source, resize)
    if task.reduced:
        assert (task.width, task.height) == (source.width, source.height)
        assert task.output_width == source.width or task.output_height == source.height


@given(sources, resizes(st.just(Fit.COVER), enlarge=st.booleans()))
def test_a_crop_keeps_the_ratio_within_a_pixel_and_wastes_nothing(
    source: SourceInfo, resize: Resize
) -> None:
    task = planned(source, resize)
    region = task.region
    assert region.width == source.width or region.height == source.height
    scale = max(Fraction(task.width, source.width), Fraction(task.height, source.height))
    assert abs(task.width / scale - region.width) < 1
    assert abs(task.height / scale - region.height) < 1


@given(sources, resizes(st.sampled_from([Fit.INSIDE, Fit.OUTSIDE])) | one_side)
def test_a_scaled_picture_keeps_its_ratio_within_a_pixel(
    source: SourceInfo, resize: Resize
) -> None:
    task = planned(source, resize)
    across, down = Fraction(task.width, source.width), Fraction(task.height, source.height)
    assert abs(across - down) * min(source.width, source.height) <= 1


@given(sources, st.lists(any_resize, min_size=1, max_size=5))
def test_the_decode_leaves_every_task_enough_pixels(
    source: SourceInfo, resizes_wanted: list[Resize]
) -> None:
    specs = [Spec(name=f"v{index}", resize=r) for index, r in enumerate(resizes_wanted)]
    made = plan(source, specs, LIMITS)
    decode = made.decode
    assert (decode.source_width, decode.source_height) == (source.width, source.height)
    assert 0 <= decode.width * decode.reduction - source.width < decode.reduction
    assert 0 <= decode.height * decode.reduction - source.height < decode.reduction
    if decode.reduction > 1:
        assert source.format is Format.JPEG
        for task in made.tasks:
            assert Fraction(task.region.width, task.width) >= decode.reduction * Fraction(8, 5)
            assert Fraction(task.region.height, task.height) >= decode.reduction * Fraction(8, 5)


@given(sources, st.lists(any_resize, min_size=1, max_size=5))
def test_the_same_wish_gives_the_same_plan(source: SourceInfo, wanted: list[Resize]) -> None:
    specs = [Spec(name=f"v{index}", resize=resize) for index, resize in enumerate(wanted)]
    assert plan(source, specs, LIMITS) == plan(source, specs, LIMITS)


@given(sources, sides, sides)
def test_a_wider_variant_never_costs_less(source: SourceInfo, one: int, other: int) -> None:
    specs = [
        Spec(name=name, resize=Resize(width=width, height=500, fit=Fit.FILL, enlarge=True))
        for name, width in (("a", min(one, other)), ("b", max(one, other)))
    ]
    made = plan(source, specs, LIMITS)
    narrow, wide = made.tasks
    assert cost_ms(narrow, made.decode) <= cost_ms(wide, made.decode)
