"""The steps of a variant, each of which guards itself: it does nothing unless it was asked for."""

from dataclasses import dataclass, field

from pixelpipe.imaging.operations import adjust as adjusting
from pixelpipe.imaging.operations import canvas, effects, quad
from pixelpipe.imaging.operations import corners as rounding
from pixelpipe.imaging.operations import pixelate as pixelating
from pixelpipe.imaging.operations import sharpen as sharpening
from pixelpipe.imaging.operations import tint as tinting
from pixelpipe.imaging.operations.marks import open_mark
from pixelpipe.imaging.operations.turning import turned
from pixelpipe.imaging.operations.watermark import lay_watermark
from pixelpipe.imaging.picture import Picture
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.planar import PlanarPicture, mixed
from pixelpipe.imaging.resampling import resize as resizing
from pixelpipe.recipes.task import Task


@dataclass(slots=True)
class Draft:
    """A variant in the making; `pixels` may be the picture's own and are never written to.

    The first step gives it pixels.
    """

    picture: Picture | PlanarPicture
    task: Task
    pixels: Pixels = field(init=False)


def fit(draft: Draft) -> Pixels:
    """Bring the region to its size; variants of one region and size share the result."""
    picture, task = draft.picture, draft.task
    size = (task.region, task.width, task.height)
    if isinstance(picture, PlanarPicture):
        return picture.shared(("mixed", *size), lambda: mixed(picture, task))
    view = picture.view(task.region)
    if view.shape[:2] == (task.height, task.width) and picture.plan.reduction == 1:
        return view
    return picture.shared(
        (*size, task.kernel, task.linear),
        lambda: resizing.resize(picture, *size, kernel=task.kernel, linear=task.linear),
    )


def turn(draft: Draft) -> Pixels:
    """Rotate and mirror it."""
    return turned(draft.pixels, draft.task.turn)


def pad(draft: Draft) -> Pixels:
    """Lay it on its canvas."""
    task = draft.task
    if task.canvas is None:
        return draft.pixels
    if task.blurred_canvas:
        return canvas.blurred_backdrop(draft.pixels, task.canvas)
    return canvas.pad(draft.pixels, task.canvas, task.background)


def adjust(draft: Draft) -> Pixels:
    """Change brightness, contrast and saturation."""
    asked = draft.task.adjust
    return adjusting.adjust(draft.pixels, asked) if asked else draft.pixels


def tint(draft: Draft) -> Pixels:
    """Give it the colours of an old print, or two of its own."""
    task, pixels = draft.task, draft.pixels
    if task.sepia:
        pixels = tinting.sepia(pixels, task.sepia)
    return tinting.duotone(pixels, task.duotone) if task.duotone else pixels


def grayscale(draft: Draft) -> Pixels:
    """Drop colour."""
    return effects.grayscale(draft.pixels) if draft.task.grayscale else draft.pixels


def sharpen(draft: Draft) -> Pixels:
    """Make edges stand out."""
    asked = draft.task.sharpen
    return sharpening.sharpen(draft.pixels, asked) if asked else draft.pixels


def blur(draft: Draft) -> Pixels:
    """Blur all of it."""
    sigma = draft.task.blur_sigma
    return effects.blur(draft.pixels, sigma) if sigma else draft.pixels


def pixelate(draft: Draft) -> Pixels:
    """Make squares of it."""
    size_px = draft.task.pixelate_px
    return pixelating.pixelate(draft.pixels, size_px) if size_px else draft.pixels


def quad_edge_blur(draft: Draft) -> Pixels:
    """Blur the inner edges of its four parts."""
    asked = draft.task.quad
    return quad.quad_edge_blur(draft.pixels, asked.band_px, asked.sigma) if asked else draft.pixels


def watermark(draft: Draft) -> Pixels:
    """Lay the mark on top."""
    asked = draft.task.watermark
    if asked is None:
        return draft.pixels
    return lay_watermark(draft.pixels, open_mark(asked.image), asked)


def round_corners(draft: Draft) -> Pixels:
    """Cut the corners off."""
    radius_px = draft.task.corner_radius_px
    return rounding.round_corners(draft.pixels, radius_px) if radius_px else draft.pixels
