"""The numbers of a task that only the pixels can give: what a trim leaves, where a focus lies."""

from dataclasses import replace

from pixelpipe.imaging.looks.focus import best_region
from pixelpipe.imaging.operations.trim import content_box
from pixelpipe.imaging.picture import Picture
from pixelpipe.recipes.placing import place
from pixelpipe.recipes.task import Rect, Task


def settled(picture: Picture, task: Task) -> Task:
    """The task with its region, size and canvas as they will be.

    Args:
        picture: The pixels; of an animation the first frame, so that all frames are cut alike.
        task: What was planned.
    """
    if task.trim is not None:
        task = _trimmed(picture, task)
    return task if task.focus is None else _focused(picture, task)


def _trimmed(picture: Picture, task: Task) -> Task:
    assert task.trim is not None, "it is asked for"
    assert picture.plan.reduction == 1, "what is trimmed is decoded whole"
    whole = _bounds(picture, task)
    x, y, width, height = content_box(picture.view(whole), task.trim.threshold)
    left = Rect(whole.x + x, whole.y + y, width, height)
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


def _focused(picture: Picture, task: Task) -> Task:
    assert task.focus is not None, "it is asked for"
    region, bounds = task.region, _bounds(picture, task)
    best = best_region(picture, bounds, region.width, region.height, task.focus)
    return replace(task, region=_aligned(best, bounds, picture.plan.reduction), focus=None)


def _bounds(picture: Picture, task: Task) -> Rect:
    plan = picture.plan
    return task.bounds or Rect(0, 0, plan.source_width, plan.source_height)


def _aligned(region: Rect, bounds: Rect, reduction: int) -> Rect:
    """The region moved, by less than a decoded pixel, to where one begins, as the plan does."""
    x, y = (at - at % reduction for at in (region.x, region.y))
    return replace(region, x=max(x, bounds.x), y=max(y, bounds.y))
