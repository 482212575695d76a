"""From the source's bytes to upright 8-bit pixels in shared memory."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.color.read import read_color_tags
from pixelpipe.formats.color.tags import UNTAGGED, ColorTags, checked_profile
from pixelpipe.formats.metadata.read import read_blocks
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screen import screen
from pixelpipe.formats.screens.fault import check_frames
from pixelpipe.imaging.animation import decode_frames
from pixelpipe.imaging.codecs import opencv
from pixelpipe.imaging.codecs.avif import decode_avif
from pixelpipe.imaging.codecs.bmp import decode_bmp
from pixelpipe.imaging.codecs.gif import decode_gif
from pixelpipe.imaging.codecs.heic import decode_heic
from pixelpipe.imaging.codecs.jpeg import decode_jpeg
from pixelpipe.imaging.codecs.jxl import decode_jxl_file
from pixelpipe.imaging.codecs.png import decode_png
from pixelpipe.imaging.codecs.stored import Stored
from pixelpipe.imaging.codecs.tiff import decode_tiff
from pixelpipe.imaging.codecs.turbojpeg import decode_planes
from pixelpipe.imaging.color.cmyk import cmyk_to_bgr
from pixelpipe.imaging.color.convert import deep_to_srgb, is_srgb, kept_profile, to_srgb
from pixelpipe.imaging.orientation import SIDEWAYS, UPRIGHT, turn_upright
from pixelpipe.imaging.pixels import BGR, Pixels, as_pixels
from pixelpipe.imaging.planes import padded_planes_in, split
from pixelpipe.imaging.samples import to_8_bits, to_channels, white_level
from pixelpipe.imaging.sidecar import Sidecar, write
from pixelpipe.recipes.task import Decode


def decode(  # noqa: PLR0913 - what a worker is told, and where it writes
    data: Pixels,
    plan: Decode,
    out: Pixels,
    *,
    before_codec: Callable[[], None],
    max_frames: int,
    sidecar: Pixels | None = None,
) -> None:
    """Screen a source and decode it, upright.

    Args:
        data: The source's bytes, 1-D uint8; only read.
        plan: What the pixels shall be.
        out: Is filled. C-contiguous uint8, (height, width) for one channel, else
            (height, width, channels); with more than one frame, (frames, ...). Of a planar
            decode 1-D, as in `imaging.planes`.
        before_codec: Called once, right before the codec. Where a JPEG has harmless junk the
            codec is run again, more leniently; that is the same decode. Of a source that the
            screen refuses no codec is called.
        max_frames: Most frames that an animation may have, also where only the first one is
            decoded.
        sidecar: The bytes behind the pixels, 1-D; filled with what tasks need beside them. None
            where they need nothing.

    Raises:
        DamagedImageError: Screen or codec refuse the data, or they are not what the plan promises.
        FrameLimitError: The animation has more frames.
    """
    tags = read_color_tags(data.data, plan.format)
    if plan.frames > 1:
        check_frames(plan.format, plan.frames, max_frames)
        _animation(data, plan, out, tags=tags, before_codec=before_codec, sidecar=sidecar)
        return
    screened = np.frombuffer(screen(data.data, plan.format, max_frames=max_frames), np.uint8)
    before_codec()
    profile = b""
    if plan.planar:
        _planar(screened, plan, out, tags)
    else:
        profile = _still(screened, plan, out, tags)
    if sidecar is not None:
        write(_beside(data, plan, Sidecar(profile=profile)), sidecar)


def _planar(screened: Pixels, plan: Decode, out: Pixels, tags: ColorTags) -> None:
    """Luma and chroma as the file has them, or of pixels whose colours had to be converted."""
    if is_srgb(tags) and _codec_planes(screened, plan, out):
        return
    pixels = np.empty((plan.height, plan.width, BGR), np.uint8)
    _still(screened, replace(plan, planar=False), pixels, tags)
    split(pixels, padded_planes_in(out, plan.width, plan.height))


def _codec_planes(screened: Pixels, plan: Decode, out: Pixels) -> bool:
    """Whether there is a codec that gives them as they are."""
    upright = padded_planes_in(out, plan.width, plan.height)
    width, height = _stored_size(plan)
    if plan.orientation == UPRIGHT:
        return decode_planes(screened, (width, height), plan.reduction, upright)
    stored = padded_planes_in(np.empty_like(out), width, height)
    if not decode_planes(screened, (width, height), plan.reduction, stored):
        return False
    for plane, turned in zip(stored.each, upright.each, strict=True):
        turn_upright(plane, plan.orientation, turned)
    return True


def _still(screened: Pixels, plan: Decode, out: Pixels, tags: ColorTags) -> bytes:
    """Pixels, and the profile that they are in where it is kept."""
    stored = _codec(screened, plan, out, tags)
    if stored.profile:
        tags = ColorTags(checked_profile(stored.profile))
    width, height = _stored_size(plan)
    if stored.samples.shape[:2] != (height, width):
        held = f"{stored.samples.shape[1]}x{stored.samples.shape[0]}"
        raise DamagedImageError(
            f"The {plan.format.name} holds {held} pixels where its header promises "
            f"{width}x{height}."
        )
    profile = kept_profile(tags, plan.channels) if plan.keep_profile else b""
    tags = UNTAGGED if profile else tags
    if not np.may_share_memory(stored.samples, out):
        pixels, tags = _to_pixels(stored, tags, plan, screened)
        turn_upright(to_channels(pixels, plan.channels), plan.orientation, out)
    to_srgb(out, tags)
    return profile


def _animation(  # noqa: PLR0913 - those of `decode`
    data: Pixels,
    plan: Decode,
    out: Pixels,
    *,
    tags: ColorTags,
    before_codec: Callable[[], None],
    sidecar: Pixels | None,
) -> None:
    timing = decode_frames(data, plan, out, before_codec=before_codec)
    profile = kept_profile(tags, plan.channels) if plan.keep_profile else b""
    if not profile:
        to_srgb(out.reshape(-1, *out.shape[2:]), tags)
    if sidecar is not None:
        noted = Sidecar(timing.delays_ms, timing.loops, profile)
        write(_beside(data, plan, noted), sidecar)


def _beside(data: Pixels, plan: Decode, noted: Sidecar) -> Sidecar:
    """What is noted, with what the file says about itself."""
    blocks = read_blocks(data.data, plan.format)
    return replace(noted, exif=blocks.exif, xmp=blocks.xmp, iptc=blocks.iptc)


def _codec(data: Pixels, plan: Decode, out: Pixels, tags: ColorTags) -> Stored:
    """Run the codec. Nothing else does; the result lies in `out` where it can.

    Raises:
        DamagedImageError: It refuses the data.
    """
    if plan.format == Format.JPEG:
        return decode_jpeg(data, plan, out, ink=tags.ink)
    if plan.format == Format.BMP:
        return Stored(decode_bmp(data, plan.channels))
    return _CODECS[plan.format](data)


_CODECS: Mapping[Format, Callable[[Pixels], Stored]] = {
    Format.PNG: lambda data: Stored(decode_png(data)),
    Format.WEBP: lambda data: Stored(opencv.decoded(data, Format.WEBP)),
    Format.AVIF: decode_avif,
    Format.GIF: lambda data: Stored(decode_gif(data)),
    Format.TIFF: decode_tiff,
    Format.HEIC: lambda data: Stored(decode_heic(data)),
    Format.JXL: decode_jxl_file,
}


def _to_pixels(
    stored: Stored, tags: ColorTags, plan: Decode, data: Pixels
) -> tuple[Pixels, ColorTags]:
    """8 bits, and no ink; and what is still to be done about their colours."""
    if stored.ink:
        pixels = np.empty((*stored.samples.shape[:2], BGR), np.uint8)
        cmyk_to_bgr(as_pixels(stored.samples), tags, pixels)
        return pixels, UNTAGGED
    if stored.samples.dtype == np.uint16:
        converted = deep_to_srgb(stored.samples, white_level(data, plan.format), tags)
        if converted is not None:
            return converted, UNTAGGED
    return to_8_bits(stored.samples, data, plan.format), tags


def _stored_size(plan: Decode) -> tuple[int, int]:
    """Width and height as they come out of the codec, which turns nothing."""
    if plan.orientation in SIDEWAYS:
        return plan.height, plan.width
    return plan.width, plan.height
