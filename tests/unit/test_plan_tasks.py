"""What becomes of the fields of a spec: turns, crops, trims, formats and animations."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from pixelpipe.config import Settings
from pixelpipe.errors import InvalidSpecError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.recipes.placing import place
from pixelpipe.recipes.plan import Plan, plan
from pixelpipe.recipes.sizing import Gravity
from pixelpipe.recipes.spec import parse_specs
from pixelpipe.recipes.task import Adjust, Canvas, Kernel, Metadata, Rect, Task

LIMITS = Settings.model_construct()
MODERN = frozenset({Format.AVIF, Format.WEBP, Format.JPEG, Format.PNG})
WEBP = frozenset({Format.WEBP, Format.JPEG, Format.PNG})
PLAIN = frozenset({Format.JPEG, Format.PNG})


def source(
    width: int = 600, height: int = 400, kind: Format = Format.JPEG, **changes: Any
) -> SourceInfo:
    known: dict[str, Any] = {
        "channels": 3,
        "bit_depth": 8,
        "orientation": 1,
        "frames": 1,
        **changes,
    }
    return SourceInfo(kind, width, height, **known)


def planned(of: SourceInfo, *specs: dict[str, Any], accepted: frozenset[Format] = PLAIN) -> Plan:
    named = [{"name": f"v{index}", **spec} for index, spec in enumerate(specs)]
    return plan(of, parse_specs(named, limits=LIMITS), LIMITS, accepted)


def task_of(of: SourceInfo, **spec: Any) -> Task:
    return planned(of, spec).tasks[0]


def mistakes(of: SourceInfo, *specs: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidSpecError) as caught:
        planned(of, *specs)
    return {each["pointer"]: each["detail"] for each in caught.value.extensions["errors"]}


def test_a_quarter_turn_exchanges_the_sides() -> None:
    task = task_of(source(), rotate=90)
    assert (task.output_width, task.output_height) == (400, 600)
    assert (task.width, task.height, task.turn) == (600, 400, 6)


def test_a_crop_is_cut_from_the_turned_picture() -> None:
    task = task_of(source(), rotate=180, crop={"x": 0, "y": 0, "width": 100, "height": 50})
    assert task.region == Rect(500, 350, 100, 50)
    assert task.bounds == task.region


def test_a_crop_is_of_the_upright_picture() -> None:
    upright = source(orientation=6)
    crop = {"x": 300, "y": 500, "width": 100, "height": 100}
    assert task_of(upright, crop=crop).region == Rect(300, 500, 100, 100)


def test_a_crop_outside_of_the_picture_is_refused_with_its_size() -> None:
    outside = {"crop": {"x": 501, "width": 100, "height": 10}}
    assert mistakes(source(), {}, outside) == {
        "/variants/1/crop": "must lie in the picture, which is 600x400 pixels once turned"
    }
    assert "400x600" in mistakes(source(), outside | {"rotate": 90})["/variants/0/crop"]


def test_a_trimmed_variant_has_room_for_all_that_may_be_left() -> None:
    task = task_of(source(), trim={}, resize={"width": 300})
    assert (task.output_width, task.output_height) == (600, 400)
    boxed = task_of(source(), trim={}, resize={"width": 300, "height": 100})
    assert (boxed.output_width, boxed.output_height) == (300, 100)
    padded = task_of(source(), trim={}, resize={"width": 300}, pad={"left": 5, "top": 1})
    assert (padded.output_width, padded.output_height) == (605, 401)


@pytest.mark.parametrize(
    ("resize", "most"),
    [
        ({"width": 300, "height": 300, "fit": "inside"}, (300, 300)),
        ({"width": 900, "height": 300, "fit": "inside"}, (600, 300)),
        ({"width": 900, "height": 800, "fit": "inside", "enlarge": True}, (900, 800)),
        ({"width": 300, "height": 300, "fit": "outside"}, (600, 400)),
        ({"width": 300, "height": 300, "fit": "contain"}, (300, 300)),
    ],
)
def test_a_trim_may_leave_any_shape(resize: dict[str, Any], most: tuple[int, int]) -> None:
    task = task_of(source(), trim={}, resize=resize)
    assert (task.output_width, task.output_height) == most
    turned = task_of(source(400, 600), trim={}, resize=resize, rotate=90)
    assert (turned.output_width, turned.output_height) == most


@pytest.mark.parametrize("rotate", [0, 90])
@pytest.mark.parametrize("fit", ["cover", "contain", "fill", "inside"])
def test_what_a_trim_leaves_is_never_larger_than_planned(fit: str, rotate: int) -> None:
    for enlarge in (False, True):
        resize = {"width": 120, "height": 70, "fit": fit, "enlarge": enlarge}
        task = task_of(source(90, 200), trim={}, resize=resize, rotate=rotate, pad={"top": 3})
        for left in itertools.product((1, 2, 45, 90), (1, 3, 100, 200)):
            trim = task.trim
            assert trim is not None
            made = place(Rect(0, 0, *left), task.turn, trim.sizing, trim.pad)
            shown = replace(task, width=made.width, height=made.height, canvas=made.canvas)
            assert shown.output_width <= task.output_width
            assert shown.output_height <= task.output_height


def test_a_trimmed_variant_that_may_become_too_large_is_refused() -> None:
    resize = {"width": 16000, "height": 16000, "fit": "inside", "enlarge": True}
    wrong = mistakes(source(16000, 10), {"trim": {}, "resize": resize})
    assert "would be 16000x16000 pixels" in wrong["/variants/0"]


def test_only_an_avif_may_run_out_of_time() -> None:
    budget = {"avif": {"budget_ms": 50}}
    assert task_of(source(), format="jpeg", **budget).possible_formats == {Format.JPEG}
    assert task_of(source(), format="jpeg", **budget).quality == 80
    slow = task_of(source(), format="avif", **budget)
    assert slow.possible_formats == {Format.AVIF, Format.WEBP}


def test_what_is_trimmed_is_decoded_whole() -> None:
    small = {"resize": {"width": 60, "height": 40}}
    assert planned(source(), small).decode.reduction == 4
    assert planned(source(), small | {"trim": {}}).decode.reduction == 1


@pytest.mark.parametrize("change", [{"kernel": "lanczos3"}, {"linear": True}])
def test_a_true_filter_needs_all_pixels(change: dict[str, Any]) -> None:
    resize = {"width": 60, "height": 40, **change}
    made = planned(source(), {"resize": resize})
    assert made.decode.reduction == 1
    assert (made.tasks[0].kernel is Kernel.LANCZOS3, made.tasks[0].linear) == (
        change == {"kernel": "lanczos3"},
        change == {"linear": True},
    )


def test_a_smart_gravity_is_a_focus_where_something_is_cut() -> None:
    smart = {"gravity": "attention"}
    assert task_of(source(), resize={"width": 9, "height": 9, **smart}).focus is Gravity.ATTENTION
    assert task_of(source(), resize={"width": 9, **smart}).focus is None


def test_neutral_factors_are_no_step() -> None:
    assert task_of(source(), brightness=1, contrast=1.0, saturation=1).adjust is None
    assert task_of(source(), contrast=2).adjust == Adjust(1.0, 2.0, 1.0)


def test_a_blurred_background_pads_a_canvas() -> None:
    box = {"width": 100, "height": 100, "fit": "contain"}
    task = task_of(source(), resize=box, background="blurred")
    assert task.canvas == Canvas(100, 100, 0, 16)
    assert task.blurred_canvas
    assert task.background == (255, 255, 255, 255)


def test_round_corners_are_transparent_where_the_format_can() -> None:
    assert task_of(source(), corners={"radius_px": 5}, format="png").keep_alpha
    assert not task_of(source(), corners={"radius_px": 5}).keep_alpha


@pytest.mark.parametrize(
    ("accepted", "photograph", "transparent", "drawing"),
    [
        (MODERN, Format.AVIF, Format.AVIF, Format.WEBP),
        (WEBP, Format.WEBP, Format.WEBP, Format.WEBP),
        (PLAIN, Format.JPEG, Format.PNG, Format.PNG),
        (frozenset({Format.JPEG}), Format.JPEG, Format.JPEG, Format.JPEG),
        (frozenset({Format.AVIF}), Format.AVIF, Format.AVIF, Format.AVIF),
    ],
)
def test_auto_leaves_the_choice_to_the_content(
    accepted: frozenset[Format], photograph: Format, transparent: Format, drawing: Format
) -> None:
    (task,) = planned(source(), {"format": "auto"}, accepted=accepted).tasks
    assert task.choices is not None
    chosen = (task.choices.photograph, task.choices.transparent, task.choices.drawing)
    assert chosen == (photograph, transparent, drawing)
    assert task.quality == 0


def test_alpha_is_kept_until_the_format_is_chosen() -> None:
    (task,) = planned(source(channels=4), {"format": "auto"}, accepted=PLAIN).tasks
    assert task.keep_alpha


def test_several_formats_make_a_variant_each() -> None:
    tasks = planned(source(), {"formats": ["avif", "webp", "jpeg"], "quality": 50}, {}).tasks
    assert [(t.name, t.format) for t in tasks] == [
        ("v0.avif", Format.AVIF),
        ("v0.webp", Format.WEBP),
        ("v0.jpeg", Format.JPEG),
        ("v1", Format.JPEG),
    ]
    assert {t.quality for t in tasks[:3]} == {50}


def test_each_format_counts_as_a_variant() -> None:
    few = Settings.model_construct(max_variants=2)
    with pytest.raises(InvalidSpecError, match="2 variants at most, not 3"):
        parse_specs([{"name": "a", "formats": ["avif", "webp", "jpeg"]}], limits=few)


@pytest.mark.parametrize(
    ("spec", "at", "words"),
    [
        ({"format": "png", "formats": ["jpeg"]}, "", "must have either format or formats"),
        ({"formats": []}, "/formats", "must name one or more formats, each once"),
        ({"formats": ["png", "png"]}, "/formats", "must name one or more formats, each once"),
        (
            {"trim": {}, "resize": {"width": 5, "enlarge": True}},
            "",
            "with trim and enlarge needs width and height, and a fit but outside",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(spec: dict[str, Any], at: str, words: str) -> None:
    assert mistakes(source(), spec) == {f"/variants/0{at}": words}


GIF = source(40, 30, Format.GIF, channels=4, frames=5)


def test_an_animation_is_decoded_whole_if_somebody_wants_it() -> None:
    kept = {"animation": "keep"}
    made = planned(GIF, kept, kept | {"format": "jpeg"}, kept | {"format": "png"}, {})
    assert made.decode.frames == 5
    assert [(t.animated, t.format) for t in made.tasks] == [
        (True, Format.WEBP),
        (False, Format.JPEG),
        (True, Format.PNG),
        (False, Format.PNG),
    ]
    assert made.decode.pixels_bytes >= 5 * 40 * 30 * 4
    assert planned(GIF, {}).decode.frames == 1


def test_a_still_picture_has_nothing_to_keep() -> None:
    made = planned(source(), {"animation": "keep"})
    assert (made.decode.frames, made.tasks[0].animated) == (1, False)


def test_all_frames_together_stay_within_the_limit() -> None:
    limits = Settings.model_construct(max_pixels=40 * 30 * 5 - 1)
    specs = parse_specs([{"name": "a", "animation": "keep"}], limits=LIMITS)
    with pytest.raises(InvalidSpecError, match="in each of 5 frames"):
        plan(GIF, specs, limits)
    still = parse_specs([{"name": "a"}], limits=LIMITS)
    assert plan(GIF, still, limits).decode.frames == 1


@pytest.mark.parametrize(
    "spec", [{"metadata": "copyright"}, {"metadata": "all"}, {"profile": "keep"}]
)
def test_what_is_kept_of_the_source_has_room_behind_the_pixels(spec: dict[str, Any]) -> None:
    assert planned(source(), {}).decode.sidecar_bytes == 0
    made = planned(source(), {}, spec)
    assert made.decode.sidecar_bytes >= 2**20
    assert made.decode.keep_profile is ("profile" in spec)
    assert made.tasks[0].metadata is Metadata.NONE
