"""Animations: all frames out of a file, and all frames into one."""

from collections.abc import Callable, Iterator, Sequence

from PIL.AvifImagePlugin import AvifImageFile
from PIL.WebPImagePlugin import WebPImageFile

from pixelpipe.errors import DamagedImageError
from pixelpipe.formats.animations import avif, gif, png, webp
from pixelpipe.formats.animations.parts import Timing
from pixelpipe.formats.registry import Format
from pixelpipe.imaging.attachments import NOTHING, Attachments
from pixelpipe.imaging.embed import embed
from pixelpipe.imaging.encoders.apng import encode_apng
from pixelpipe.imaging.encoders.codec import Encoded
from pixelpipe.imaging.encoders.moving import encode_moving_avif, encode_moving_webp
from pixelpipe.imaging.encoders.reel import Reel
from pixelpipe.imaging.frames import composed, played
from pixelpipe.imaging.orientation import SIDEWAYS, turn_upright
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.samples import to_channels
from pixelpipe.recipes.task import Decode, EncodeOptions

__all__ = ["Timing", "decode_frames", "encode_animation"]


def decode_frames(
    data: Pixels, plan: Decode, out: Pixels, *, before_codec: Callable[[], None]
) -> Timing:
    """Check an animation and decode each of its frames, put together and upright.

    Args:
        data: The source's bytes, 1-D uint8; only read.
        plan: What the frames shall be: `plan.frames` of them, more than one, not reduced.
        out: Is filled. C-contiguous uint8, (frames, height, width) for one channel, else (frames,
            height, width, channels).
        before_codec: Called once, right before the codec; not if the data are refused before.

    Returns:
        When the frames are shown. Delays are those of the file, also where a browser does not keep
        them: it shows frames of 0 or 10 ms for 100 ms.

    Raises:
        DamagedImageError: The data are broken, or there are not as many frames.
    """
    frames, timing = _frames(data.data, plan)
    before_codec()
    size = _stored_size(plan)
    for target, pixels in zip(out, frames, strict=True):
        if pixels.shape[:2] != size:
            raise DamagedImageError(
                f"The {plan.format.name} holds {pixels.shape[1]}x{pixels.shape[0]} pixels where "
                f"its header promises {size[1]}x{size[0]}."
            )
        turn_upright(to_channels(pixels, plan.channels), plan.orientation, target)
    return timing


def encode_animation(  # noqa: PLR0913 - what a task asks for, and what its source has
    frames: Sequence[Pixels],
    timing: Timing,
    format: Format,  # noqa: A002 - its name everywhere
    quality: int,
    *,
    options: EncodeOptions,
    attachments: Attachments = NOTHING,
) -> Encoded:
    """Encode frames as one file.

    Frames that are gray or opaque throughout become so in the file. Of the options only `lossless`
    and `speed` count. Frames of WebP that show the same picture in a row become one, shown for as
    long; and a delay of 0 becomes 1 ms in AVIF, which has no other.

    Args:
        frames: All of one size and number of channels; each is looked at twice.
        timing: As `decode_frames` returns it.
        format: WebP, AVIF, or PNG, as APNG.
        quality: 1 to 100; PNG ignores it, and so does what is lossless.
        options: How it is written.
        attachments: What goes into the file beside the frames.

    Raises:
        InternalError: The codec refuses the frames.
    """
    reel = Reel(frames, timing)
    if format == Format.AVIF:
        return encode_moving_avif(reel, quality, options.speed, attachments)
    if format == Format.WEBP:
        content = encode_moving_webp(reel, quality, lossless=options.lossless)
    else:
        content = encode_apng(reel)
    return embed(content, format, attachments)


def _frames(data: memoryview, plan: Decode) -> tuple[Iterator[Pixels], Timing]:
    """The frames, which are decoded as they are taken, and when they are shown."""
    size, count = _stored_size(plan), plan.frames
    if plan.format == Format.AVIF:
        kept, timing = avif.read_animation(data, count, size[0] * size[1])
        return played(AvifImageFile, kept, plan.format, count), timing
    if plan.format == Format.WEBP:
        kept, timing = webp.read_animation(data, count)
        return played(WebPImageFile, kept, plan.format, count), timing
    parts, timing = (gif if plan.format == Format.GIF else png).read_frames(data, count)
    return composed(parts, plan.format, size), timing


def _stored_size(plan: Decode) -> tuple[int, int]:
    """Height and width as they come out of the codec, which turns nothing."""
    if plan.orientation in SIDEWAYS:
        return plan.width, plan.height
    return plan.height, plan.width
