"""The structure of a whole file, checked in a worker before a codec sees it.

The probe reads headers; a codec reads everything, and believes what it reads. What is refused here,
or left out of what is handed on, is what makes codecs crash, allocate without bounds or work for
minutes. Pixels are not looked at: whether they decode is for the codec to say.
"""

from collections.abc import Callable, Mapping

from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.avif import screen_avif
from pixelpipe.formats.screens.bmp import screen_bmp
from pixelpipe.formats.screens.gif import screen_gif
from pixelpipe.formats.screens.heic import screen_heic
from pixelpipe.formats.screens.jpeg import screen_jpeg
from pixelpipe.formats.screens.jxl import screen_jxl
from pixelpipe.formats.screens.png import screen_png
from pixelpipe.formats.screens.tiff import screen_tiff
from pixelpipe.formats.screens.webp import screen_webp

_SCREENS: Mapping[Format, Callable[[memoryview, int], memoryview]] = {
    Format.JPEG: screen_jpeg,
    Format.PNG: screen_png,
    Format.WEBP: screen_webp,
    Format.AVIF: screen_avif,
    Format.GIF: screen_gif,
    Format.TIFF: screen_tiff,
    Format.BMP: screen_bmp,
    Format.HEIC: screen_heic,
    Format.JXL: screen_jxl,
}


def screen(data: memoryview, format: Format, *, max_frames: int) -> memoryview:  # noqa: A002 - its name everywhere
    """Check a file that the probe accepted, and leave out what decoding does not need.

    What is left gives the same pixels: the first frame of an animation, the first page of a TIFF,
    no metadata where they are easily cut off. Colour profiles are not among it: who wants one has
    to read it from the whole file.

    Args:
        data: The whole file, one dimension of format `B`; only read.
        format: As the probe found it.
        max_frames: Most frames that an animation may have.

    Returns:
        What the codec is to see: a part of the same memory, or a copy where something in the
        middle is left out.

    Raises:
        DamagedImageError: The structure is broken or incomplete, or costs far more to decode than
            its pixels are worth.
        FrameLimitError: The animation has more frames than allowed.
    """
    return _SCREENS[format](data, max_frames)
