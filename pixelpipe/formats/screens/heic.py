"""HEIC: where its coded pictures lie, and how much there is to decode in them.

libde265 believes a coded picture of any size: 1 KB can be a gigabyte.
"""

from collections import deque

from pixelpipe.formats.heic_picture import Mosaic, read_picture
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged

# Whole tiles, which reach past the picture at two sides; and something for small pictures.
_MAX_TIMES = 4
_SPARE_PX = 1 << 20


def screen_heic(data: memoryview, _max_frames: int) -> memoryview:
    """Hand on the whole file, or refuse it.

    Raises:
        UnsupportedFormatError: A picture that is neither coded by HEVC nor a grid.
        DamagedImageError: Items that do not lie in the file, a flood of them, or coded pictures
            that are far larger, or more, than the picture takes.
    """
    picture = read_picture(data)
    canvas_px = picture.color.width * picture.color.height
    _check_load(picture.color, canvas_px)
    if picture.alpha is not None:
        _check_load(picture.alpha, canvas_px)
    return data


def _check_load(mosaic: Mosaic, canvas_px: int) -> None:
    coded_px = mosaic.width * mosaic.height
    for tile in mosaic.tiles:
        coded_px += tile.configuration.width * tile.configuration.height
        if coded_px > _MAX_TIMES * canvas_px + _SPARE_PX:
            raise damaged(Format.HEIC, f"its picture of {canvas_px} px has {coded_px} px coded")
        deque(tile.units(), maxlen=0)
