"""What a task will take, roughly: milliseconds for the scheduler, bytes for the arena.

The rates were measured on one core on a photograph of 6 MP (OpenCV 5.0, libjpeg-turbo). They
weigh tasks against each other; nothing but the order and the spread of work depends on them.
"""

from pixelpipe.formats.registry import Format
from pixelpipe.recipes.task import Decode, Task

_MEGA = 1_000_000

_ENCODE_MS_PER_MP = {Format.JPEG: 1.9, Format.PNG: 28.0, Format.WEBP: 67.0, Format.AVIF: 36.0}
_READ_MS_PER_MP = 0.5
_RESIZE_MS_PER_MP = 4.0
_BLUR_MS_PER_MP = 3.0
_QUAD_MS_PER_BAND_MP_AND_SIGMA = 5.0

_OVERHEAD_BYTES = 16 * 1024
_BLOCK_PX = 8
_HIGH_QUALITY = 90
_USUAL_BYTES_PER_PIXEL = {Format.JPEG: 0.5, Format.WEBP: 0.5, Format.AVIF: 0.5, Format.PNG: 3.0}


def cost_ms(task: Task, decode: Decode) -> float:
    """Roughly how long one core works on the task; never less for more pixels."""
    output_mp = task.output_width * task.output_height / _MEGA
    read_mp = task.region.width * task.region.height / decode.reduction**2 / _MEGA
    cost = read_mp * _READ_MS_PER_MP + output_mp * _RESIZE_MS_PER_MP
    if task.blur_sigma:
        cost += output_mp * _BLUR_MS_PER_MP
    if task.quad:
        band_mp = 2 * task.quad.band_px * (task.output_width + task.output_height) / _MEGA
        cost += min(band_mp, output_mp) * task.quad.sigma * _QUAD_MS_PER_BAND_MP_AND_SIGMA
    return cost + output_mp * _ENCODE_MS_PER_MP[task.format]


def encoded_bound_bytes(task: Task, channels: int) -> int:
    """The most bytes that the encoded variant can have; no encoder has been seen to pass it.

    1.25 times the raw pixels, their sides rounded up to whole blocks; twice for JPEG and AVIF of
    high quality, which noise blows up to 1.9 times (libjpeg-turbo's own bound is 2 as well).

    Args:
        task: The variant.
        channels: Of the decoded pixels.
    """
    if channels == 1 and task.canvas:
        channels = 3  # the background's colour comes in
    width, height = _whole_blocks(task.output_width), _whole_blocks(task.output_height)
    raw_bytes = width * height * channels
    swells = task.format in (Format.JPEG, Format.AVIF) and task.quality > _HIGH_QUALITY
    return raw_bytes * 2 + _OVERHEAD_BYTES if swells else raw_bytes * 5 // 4 + _OVERHEAD_BYTES


def expected_bytes(task: Task) -> int:
    """Room in which the encoded variant of all but unusual pictures fits."""
    per_pixel = _USUAL_BYTES_PER_PIXEL[task.format]
    if task.format == Format.PNG:
        per_pixel += task.keep_alpha
    elif task.quality > _HIGH_QUALITY:
        per_pixel *= 2
    return int(task.output_width * task.output_height * per_pixel) + _OVERHEAD_BYTES


def _whole_blocks(side_px: int) -> int:
    return -(-side_px // _BLOCK_PX) * _BLOCK_PX
