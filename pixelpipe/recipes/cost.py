"""What a task will take, roughly: milliseconds for the scheduler, bytes for the arena.

The rates were measured on one core on a photograph of 6 MP (OpenCV 5.0, libjpeg-turbo). They
weigh tasks against each other; nothing but the order and the spread of work depends on them.
"""

from pixelpipe.formats.registry import Format
from pixelpipe.recipes.task import Decode, Kernel, Metadata, Task

_MEGA = 1_000_000

_ENCODE_MS_PER_MP = {
    Format.JPEG: 1.9,
    Format.PNG: 28.0,
    Format.WEBP: 67.0,
    Format.AVIF: 36.0,
    Format.JXL: 60.0,
}
# A JPEG that is decoded whole.
_DECODE_MS_PER_MP = {
    Format.JPEG: 2.0,
    Format.PNG: 15.0,
    Format.WEBP: 13.0,
    Format.AVIF: 10.0,
    Format.GIF: 18.0,
    Format.TIFF: 6.0,
    Format.BMP: 2.0,
    Format.HEIC: 65.0,
    Format.JXL: 40.0,
}
_READ_MS_PER_MP = 0.5
_RESIZE_MS_PER_MP = 4.0
_BLUR_MS_PER_MP = 3.0
_QUAD_MS_PER_BAND_MP_AND_SIGMA = 5.0

# Of a picture whose luma and chroma are kept apart.
_PLANAR_SHARE = 0.5

# A Lanczos filter by the quick way.
_KERNELS = {Kernel.FAST: 1.0, Kernel.LANCZOS3: 12.0}
_EFFECT_MS_PER_MP = 3.0
_LINEAR_MS_PER_MP = 60.0
# Of a bisection over the quality.
_TRIALS = 7

# By speed, from 0 on.
_AVIF_MS_PER_MP = (33000, 14000, 11000, 7500, 3800, 2700, 600, 330, 190, 36, 36)
_MOVING_MS_PER_MP = 45.0
_LOSSLESS_WEBP_MS_PER_MP = 250.0
_PALETTE_MS_PER_MP = 130.0
_PROGRESSIVE_JPEG_MS_PER_MP = 18.0

_SWELLING = frozenset({Format.JPEG, Format.AVIF})
_OVERHEAD_BYTES = 16 * 1024
_BLOCK_PX = 8
_HIGH_QUALITY = 90
_USUAL_BYTES_PER_PIXEL = {
    Format.JPEG: 0.5,
    Format.WEBP: 0.5,
    Format.AVIF: 0.5,
    Format.PNG: 3.0,
    Format.JXL: 0.5,
}


def decode_ms(decode: Decode) -> float:
    """Roughly how long one core works on the decode, all frames of it; above 0."""
    source_mp = decode.source_width * decode.source_height / _MEGA
    return source_mp * _DECODE_MS_PER_MP[decode.format] * decode.frames


def cost_ms(task: Task, decode: Decode) -> float:
    """Roughly how long one core works on the task; never less for more pixels."""
    output_mp = task.output_width * task.output_height / _MEGA
    read_mp = task.region.width * task.region.height / decode.reduction**2 / _MEGA
    cost = read_mp * _READ_MS_PER_MP + output_mp * _RESIZE_MS_PER_MP * _KERNELS[task.kernel]
    if task.blur_sigma:
        cost += output_mp * _BLUR_MS_PER_MP
    if task.quad:
        band_mp = 2 * task.quad.band_px * (task.output_width + task.output_height) / _MEGA
        cost += min(band_mp, output_mp) * task.quad.sigma * _QUAD_MS_PER_BAND_MP_AND_SIGMA
    if decode.planar:
        cost *= _PLANAR_SHARE
    cost += output_mp * _EFFECT_MS_PER_MP * len(_effects(task))
    if task.linear:
        cost += output_mp * _LINEAR_MS_PER_MP
    encode = max(_encode_ms_per_mp(task, each) for each in task.possible_formats)
    if task.options.max_bytes:
        encode *= _TRIALS
    frames = decode.frames if task.animated else 1
    return (cost + output_mp * encode) * frames


def _encode_ms_per_mp(task: Task, output: Format) -> float:
    options = task.options
    if task.animated and not options.lossless and options.speed is None:
        return _MOVING_MS_PER_MP
    if output is Format.AVIF and options.speed is not None and not options.budget_ms:
        return _AVIF_MS_PER_MP[options.speed]
    if output is Format.WEBP and (options.lossless or task.choices):
        return _LOSSLESS_WEBP_MS_PER_MP
    if output is Format.PNG and options.colors:
        return _PALETTE_MS_PER_MP
    if output is Format.JPEG and options.progressive:
        return _PROGRESSIVE_JPEG_MS_PER_MP
    return _ENCODE_MS_PER_MP[output]


def _effects(task: Task) -> list[object]:
    """Those steps beside blurs that were asked for; each costs about the same."""
    before = (task.trim, task.focus, task.blurred_canvas)
    return [*(each for each in before if each), *task.effects]


def encoded_bound_bytes(task: Task, decode: Decode) -> int:
    """The most bytes that the encoded variant can have; no encoder has been seen to pass it.

    1.25 times the raw pixels, their sides rounded up to whole blocks; twice for JPEG and AVIF of
    high quality, which noise blows up to 1.9 times (libjpeg-turbo's own bound is 2 as well).

    Args:
        task: The variant.
        decode: How its source is decoded.
    """
    width, height = _whole_blocks(task.output_width), _whole_blocks(task.output_height)
    frames = decode.frames if task.animated else 1
    raw_bytes = width * height * _most_channels(task, decode) * frames
    swells = not task.possible_formats.isdisjoint(_SWELLING) and task.quality > _HIGH_QUALITY
    encoded = raw_bytes * 2 if swells else raw_bytes * 5 // 4
    return encoded + _OVERHEAD_BYTES * frames + decode.sidecar_bytes


def expected_bytes(task: Task, decode: Decode) -> int:
    """Room in which the encoded variant of all but unusual pictures fits."""
    per_pixel = max(_USUAL_BYTES_PER_PIXEL[each] for each in task.possible_formats)
    if Format.PNG in task.possible_formats:
        per_pixel += task.keep_alpha
    elif task.quality > _HIGH_QUALITY or task.options.lossless:
        per_pixel *= 2
    frames = decode.frames if task.animated else 1
    kept = decode.sidecar_bytes if task.keep_profile or task.metadata is not Metadata.NONE else 0
    pixels = task.output_width * task.output_height * frames
    return int(pixels * per_pixel) + _OVERHEAD_BYTES + kept


def _most_channels(task: Task, decode: Decode) -> int:
    """How many channels the finished pixels may have; every step but a resize may add some."""
    if task.corner_radius_px:
        return 4
    colored = task.canvas or task.duotone or task.sepia or task.watermark
    return max(decode.channels, 3) if colored else decode.channels


def _whole_blocks(side_px: int) -> int:
    return -(-side_px // _BLOCK_PX) * _BLOCK_PX
