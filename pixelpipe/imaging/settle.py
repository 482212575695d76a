"""The numbers of a task that only the pixels can give: what a trim leaves, where a focus lies."""

from collections.abc import Sequence
from dataclasses import replace

from pixelpipe.imaging.looks.focus import best_region
from pixelpipe.imaging.operations.trim import content_box
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.planar import PlanarPicture
from pixelpipe.recipes.placing import begun_on_a_pixel, place
from pixelpipe.recipes.task import Rect, Task


def settled(pictures: Sequence[Picture | PlanarPicture], task: Task) -> Task:
    """The task with its region, size and canvas as they will be.

    Args:
        pictures: The pixels, of an animation each frame; all are cut alike.
        task: What was planned.
    """
    if task.trim is None and task.focus is None:
        return task
    mixed = [picture for picture in pictures if isinstance(picture, Picture)]
    assert len(mixed) == len(pictures), "what is looked at is not decoded to planes"
    if task.trim is not None:
        task = _trimmed(mixed, task)
    return task if task.focus is None else _focused(mixed[0], task)


def _trimmed(pictures: Sequence[Picture], task: Task) -> Task:
    assert task.trim is not None, "it is asked for"
    assert pictures[0].plan.reduction == 1, "what is trimmed is decoded whole"
    whole = _bounds(pictures[0], task)
    views = (picture.view(whole) for picture in pictures)
    box = _around([Rect(*content_box(view, task.trim.threshold)) for view in views])
    left = replace(box, x=whole.x + box.x, y=whole.y + box.y)
    placed = place(left, task.turn, task.trim.sizing, task.trim.pad)
    return replace(
        task,
        region=placed.region,
        width=placed.width,
        height=placed.height,
        canvas=placed.canvas,
        reduced=placed.reduced,
        bounds=left,
        trim=None,
    )


def _around(boxes: Sequence[Rect]) -> Rect:
    """The smallest rectangle that holds all of them."""
    x, y = min(box.x for box in boxes), min(box.y for box in boxes)
    right = max(box.x + box.width for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    return Rect(x, y, right - x, bottom - y)


def _focused(picture: Picture, task: Task) -> Task:
    assert task.focus is not None, "it is asked for"
    region, bounds = task.region, _bounds(picture, task)
    best = best_region(picture, bounds, region.width, region.height, task.focus)
    # As the plan does; the bounds begin on one already.
    return replace(task, region=begun_on_a_pixel(best, picture.plan.reduction), focus=None)


def _bounds(picture: Picture, task: Task) -> Rect:
    plan = picture.plan
    return task.bounds or Rect(0, 0, plan.source_width, plan.source_height)
