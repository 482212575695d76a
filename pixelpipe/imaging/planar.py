"""Variants made of luma and chroma: resized, blurred and encoded without ever being mixed."""

from collections.abc import Callable, Hashable
from dataclasses import replace

import cv2

from pixelpipe.imaging.operations.quad import quad_edge_blur
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import Pixels, as_pixels
from pixelpipe.imaging.planes import Planes, merge, planes_in
from pixelpipe.imaging.resampling.gaussian import gaussian
from pixelpipe.imaging.resampling.resize import resize, resize_chroma
from pixelpipe.recipes.task import Decode, Rect, Task


class PlanarPicture:
    """One job's pixels as three planes; the counterpart of `Picture`.

    Args:
        luma: At the plan's reduction.
        blue: Blue chroma, at twice that.
        red: Red chroma, likewise.
    """

    def __init__(self, luma: Picture, blue: Picture, red: Picture) -> None:
        self.luma = luma
        self.blue = blue
        self.red = red

    @property
    def plan(self) -> Decode:
        """How it was decoded."""
        return self.luma.plan

    def part(self, bounds: Rect) -> "PlanarPicture":
        """A picture of its own of what lies within the bounds; see `Picture.part`."""
        return PlanarPicture(*(each.part(bounds) for each in self._planes))

    def shared(self, key: Hashable, make: Callable[[], Pixels]) -> Pixels:
        """See `Picture.shared`."""
        return self.luma.shared(key, make)

    def forget(self) -> None:
        """Keep nothing of what was shared."""
        for each in self._planes:
            each.forget()

    @property
    def _planes(self) -> tuple[Picture, Picture, Picture]:
        return self.luma, self.blue, self.red


def planar_picture(data: Pixels, plan: Decode) -> PlanarPicture:
    """The picture among decoded bytes, 1-D, which stay a view."""
    planes = planes_in(data, plan)
    whole = replace(plan, channels=1, planar=False)
    height, width = planes.blue.shape
    half = replace(whole, width=width, height=height, reduction=2 * plan.reduction)
    return PlanarPicture(
        Picture(planes.luma, whole), Picture(planes.blue, half), Picture(planes.red, half)
    )


def mixed(picture: PlanarPicture, task: Task) -> Pixels:
    """The task's region at its size, as BGR pixels."""
    size = (task.region, task.width, task.height)
    luma = _luma(picture, task)
    return merge(luma, resize(picture.blue, *size), resize(picture.red, *size))


def finished(picture: PlanarPicture, task: Task) -> Planes | Pixels:
    """A variant that stays planar, after its last step; gray pixels where colour is dropped."""
    luma = _blurred(_luma(picture, task), task, 1)
    if task.grayscale:
        return luma
    blue, red = (_blurred(_chroma(each, task), task, 2) for each in (picture.blue, picture.red))
    return Planes(_even(luma), blue, red)


def _luma(picture: PlanarPicture, task: Task) -> Pixels:
    size = (task.region, task.width, task.height)
    return picture.luma.shared(size, lambda: resize(picture.luma, *size))


def _chroma(plane: Picture, task: Task) -> Pixels:
    size = (task.region, task.width, task.height)
    return plane.shared(("chroma", *size), lambda: resize_chroma(plane, *size))


def _blurred(plane: Pixels, task: Task, of_px: int) -> Pixels:
    """The blurs of the task, along a plane of which a sample is for so many pixels of a side."""
    if task.blur_sigma:
        plane = gaussian(plane, task.blur_sigma / of_px)
    if task.quad:
        plane = quad_edge_blur(plane, task.quad.band_px // of_px, task.quad.sigma / of_px)
    return plane


def _even(luma: Pixels) -> Pixels:
    """The same with the last pixel of an odd side repeated where an encoder reads beyond it."""
    height, width = luma.shape
    if not (height % 2 or width % 2):
        return luma
    border = (0, height % 2, 0, width % 2)
    longer = as_pixels(cv2.copyMakeBorder(luma, *border, cv2.BORDER_REPLICATE))
    return longer[:height, :width]
