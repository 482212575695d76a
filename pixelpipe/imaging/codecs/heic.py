"""HEIC: tiles of HEVC put together, their colours converted, and alpha beside them."""

from dataclasses import replace

import cv2
import numpy as np

from pixelpipe.formats.heic_picture import Coding, HeicPicture, Mosaic, read_picture
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import damaged
from pixelpipe.imaging.alpha import unpremultiply
from pixelpipe.imaging.codecs.hevc import Decoded, Samples, decode_hevc
from pixelpipe.imaging.pixels import GRAY, Pixels, as_pixels, channels
from pixelpipe.imaging.yuv import to_bgr, to_gray


def decode_heic(data: Pixels) -> Pixels:
    """The pixels of a screened HEIC, cut to what is shown of them, not turned.

    Returns:
        Gray, BGR, or BGRA with straight alpha.

    Raises:
        DamagedImageError: A tile cannot be decoded, or is of another size or kind than it says.
    """
    picture = read_picture(data.data)
    pixels = _color(picture.color)
    if picture.alpha is not None:
        pixels = _with_alpha(pixels, picture)
    left, top, width, height = picture.shown
    return pixels[top : top + height, left : left + width]


def _color(mosaic: Mosaic) -> Pixels:
    whole = _assembled(mosaic)
    coding = mosaic.coding or Coding(whole.matrix, whole.full_range)
    return to_bgr(whole.planes, whole.bits, coding.matrix, full_range=coding.full_range)


def _with_alpha(pixels: Pixels, picture: HeicPicture) -> Pixels:
    assert picture.alpha is not None, "as its caller has seen"
    whole = _assembled(picture.alpha)
    alpha = to_gray(whole.planes[0], whole.bits, full_range=True)
    if alpha.shape != pixels.shape[:2]:
        size = pixels.shape[1], pixels.shape[0]
        alpha = as_pixels(cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR))
    if channels(pixels) == GRAY:
        pixels = as_pixels(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))
    joined = as_pixels(cv2.merge([*cv2.split(pixels), alpha]))
    return unpremultiply(joined) if picture.premultiplied else joined


def _assembled(mosaic: Mosaic) -> Decoded:
    """The tiles' planes side by side, cut off where the picture ends."""
    first = decode_hevc(mosaic.tiles[0].units())
    tile_height, tile_width = first.planes[0].shape
    rows = len(mosaic.tiles) // mosaic.columns
    if tile_width * mosaic.columns < mosaic.width or tile_height * rows < mosaic.height:
        raise damaged(Format.HEIC, "its tiles do not cover it")
    if len(mosaic.tiles) == 1 and (tile_width, tile_height) == (mosaic.width, mosaic.height):
        return first
    canvases = [_canvas(plane, first.planes[0], mosaic) for plane in first.planes]
    for number, tile in enumerate(mosaic.tiles):
        decoded = decode_hevc(tile.units()) if number else first
        if _shape(decoded) != _shape(first):
            raise damaged(Format.HEIC, "its tiles are not alike")
        row, column = divmod(number, mosaic.columns)
        for canvas, plane in zip(canvases, decoded.planes, strict=True):
            _lay(canvas, plane, row, column)
    return replace(first, planes=tuple(canvases))


def _canvas(plane: Samples, luma: Samples, mosaic: Mosaic) -> Samples:
    """Room for the whole picture's plane, of which `plane` is a tile's."""
    height = -(-mosaic.height * plane.shape[0] // luma.shape[0])
    width = -(-mosaic.width * plane.shape[1] // luma.shape[1])
    return np.zeros((height, width), plane.dtype)


def _lay(canvas: Samples, plane: Samples, row: int, column: int) -> None:
    height, width = plane.shape
    room = canvas[row * height : (row + 1) * height, column * width : (column + 1) * width]
    room[:] = plane[: room.shape[0], : room.shape[1]]


def _shape(decoded: Decoded) -> tuple[object, ...]:
    return decoded.bits, *(plane.shape for plane in decoded.planes)
