"""Which variants can be made of luma and chroma as a JPEG stores them, and which stay so.

Of 4:2:0 the colours are a quarter of the pixels: kept apart from luma they are half the work of a
resize, and a variant that becomes a JPEG of 4:2:0 again needs neither to be mixed nor taken apart.
"""

from pixelpipe.formats.registry import Format
from pixelpipe.recipes.task import UPRIGHT, Kernel, QuadBlur, Subsampling, Task

# Smaller ones are soon made in any way.
_LEAST_SOURCE_PX, _LEAST_TARGET_PX = 64, 16


def starts_from_planes(task: Task, reduction: int) -> bool:
    """Whether the variant can be made of planes: as well as of mixed pixels, and with less work.

    Args:
        task: The variant.
        reduction: By which luma is decoded smaller; chroma, which is small already, is so too.
    """
    region = task.region
    if min(region.width, region.height) < _LEAST_SOURCE_PX:
        return False
    if min(task.width, task.height) < _LEAST_TARGET_PX:
        return False
    if task.kernel is not Kernel.FAST or task.linear or task.animated or task.keep_profile:
        return False
    if task.trim is not None or task.focus is not None:
        return False
    if stays_planar(task):
        return True
    # A codec that mixes takes of chroma all that there is: up to 7 dB more than what is left here.
    return reduction == 1 and task.width < region.width and task.height < region.height


def stays_planar(task: Task) -> bool:
    """Whether a variant that is made of planes is encoded from them, all its steps included."""
    if task.one_of_several or not _becomes_plain_jpeg(task):
        return False
    if task.canvas or task.effects or task.turn != UPRIGHT:
        return False
    return task.quad is None or _halves(task, task.quad)


def _becomes_plain_jpeg(task: Task) -> bool:
    options = task.options
    if options.progressive or options.optimize or options.subsampling is not Subsampling.S420:
        return False
    return task.possible_formats == {Format.JPEG}


def _halves(task: Task, quad: QuadBlur) -> bool:
    """Whether cuts and bands lie where they do in planes of half the size."""
    return not (task.width // 2 % 2 or task.height // 2 % 2 or quad.band_px % 2)
