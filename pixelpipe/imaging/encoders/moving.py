"""Animated WebP and AVIF, by Pillow."""

from io import BytesIO

from PIL import Image

from pixelpipe.formats.registry import Format
from pixelpipe.imaging.attachments import Attachments
from pixelpipe.imaging.encoders.avif import USUAL_SPEED
from pixelpipe.imaging.encoders.avif_plays import with_plays
from pixelpipe.imaging.encoders.codec import refused
from pixelpipe.imaging.encoders.reel import Reel, for_pillow

# Of libwebp's 0 to 6: 7 % larger than 4, in two thirds of the time.
_METHOD = 2
# For lossless frames: half the time of 70, and 1 % larger.
_EFFORT = 30
_MOST_PLAYS = (1 << 16) - 1
_LAST_MS = (1 << 31) - 1


class _Playable(Image.Image):
    """Frames as Pillow's writers want them: one picture that is now this frame, now that one.

    A list of pictures would be all of them in memory once more.
    """

    def __init__(self, reel: Reel) -> None:
        super().__init__()
        self.n_frames = len(reel)
        self.is_animated = True
        self._reel = reel
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Become another frame.

        Raises:
            EOFError: There is none.
        """
        if frame >= self.n_frames:
            raise EOFError
        mode, pixels = for_pillow(self._reel[frame])
        picture = Image.fromarray(pixels, mode)
        self._mode, self._size, self.im = picture.mode, picture.size, picture.im
        self._at = frame

    def tell(self) -> int:
        """Which frame it is now."""
        return self._at


def encode_moving_webp(reel: Reel, quality: int, *, lossless: bool) -> bytes:
    """Encode frames; of each the part that changed.

    Args:
        reel: The frames.
        quality: 1 to 100; alpha loses nothing.
        lossless: Whether nothing is lost but the colours of what is wholly transparent.

    Raises:
        InternalError: The codec refuses the frames.
    """
    longest_ms = _LAST_MS // len(reel)  # it counts from the beginning
    return _saved(
        reel,
        Format.WEBP,
        duration=[min(delay_ms, longest_ms) for delay_ms in reel.timing.delays_ms],
        loop=min(reel.timing.loops, _MOST_PLAYS),
        lossless=lossless,
        quality=_EFFORT if lossless else quality,
        method=_METHOD,
        # No frames on which nothing depends, which are for seeking.
        kmin=0,
        kmax=0,
    )


def encode_moving_avif(
    reel: Reel, quality: int, speed: int | None, attachments: Attachments
) -> bytes:
    """Encode frames.

    Args:
        reel: The frames.
        quality: 1 to 100.
        speed: 0 to 10, slow to quick; None for the usual one.
        attachments: What goes into the file beside them.

    Raises:
        InternalError: The codec refuses the frames.
    """
    content = _saved(
        reel,
        Format.AVIF,
        duration=list(reel.timing.delays_ms),
        quality=quality,
        speed=USUAL_SPEED if speed is None else speed,
        max_threads=1,  # a worker may start no other
        autotiling=False,
        # Chromium (156) shows a sequence of the full range as if it were of this one.
        range="limited",
        icc_profile=attachments.profile,
        exif=attachments.exif,
        xmp=attachments.xmp,
    )
    return with_plays(content, reel.timing.loops)


def _saved(reel: Reel, target: Format, **parameters: object) -> bytes:
    content = BytesIO()
    try:
        _Playable(reel).save(content, target.name, save_all=True, **parameters)
    except (OSError, ValueError, RuntimeError) as refusal:
        if "memory" in str(refusal).lower():
            raise MemoryError from refusal
        raise refused(target) from refusal
    return content.getvalue()
