"""HEVC pictures by libde265, the library that pillow-heif brings.

It is called directly: libheif, which lies between the two, starts a thread for every picture, and
a worker may start none. libheif then also reads nothing of a file, which is as well.
"""

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelpipe.errors import InternalError
from pixelpipe.formats.registry import Format
from pixelpipe.formats.screens.fault import incomplete

Samples = NDArray[np.uint8] | NDArray[np.uint16]

_OK, _NO_MEMORY = 0, 7
_MONOCHROME = 0
_PLANES = 3
_BYTE_BITS = 8
# Warnings that leave the picture whole: `de265_error` in de265.h.
_HARMLESS = frozenset({1000, 1003, 1022, 1025})


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture.

    Attributes:
        planes: Luma, and if there are any the two of chroma, which may be smaller.
        bits: Of each sample.
        matrix: The matrix coefficients of ITU-T H.273, as the stream says them.
        full_range: Whether black is 0 and white the highest level, as the stream says it.
    """

    planes: tuple[Samples, ...]
    bits: int
    matrix: int
    full_range: bool


def decode_hevc(units: Iterable[bytes | memoryview]) -> Decoded:
    """The picture in some units, in the calling thread.

    Raises:
        DamagedImageError: There is none, or it is not whole.
    """
    library = load()
    decoder = library.de265_new_decoder()
    if not decoder:
        raise MemoryError
    try:
        for unit in units:
            _check(library.de265_push_NAL(decoder, bytes(unit), len(unit), 0, None))
        _check(library.de265_flush_data(decoder))
        return _picture(library, decoder)
    finally:
        library.de265_free_decoder(decoder)


@cache
def load() -> Any:  # noqa: ANN401 - a library has whatever functions it has
    """The library; the symbols of what a module is linked to are found by way of the module.

    Raises:
        InternalError: Another build of pillow-heif, which has it somewhere else, or not at all.
    """
    try:
        return _declared(ctypes.CDLL(import_module("_pillow_heif").__file__))
    except (ImportError, OSError, AttributeError) as missing:
        raise InternalError(
            f"The pillow-heif that is installed brings no libde265 to call: {missing}."
        ) from missing


def _declared(library: Any) -> Any:  # noqa: ANN401
    """The library with what its functions take and return."""
    pointer, number = ctypes.c_void_p, ctypes.c_int
    for name, result, arguments in (
        ("new_decoder", pointer, ()),
        ("free_decoder", number, (pointer,)),
        ("push_NAL", number, (pointer, ctypes.c_char_p, number, ctypes.c_int64, pointer)),
        ("flush_data", number, (pointer,)),
        ("decode", number, (pointer, ctypes.POINTER(number))),
        ("get_warning", number, (pointer,)),
        ("get_next_picture", pointer, (pointer,)),
        ("get_chroma_format", number, (pointer,)),
        ("get_image_width", number, (pointer, number)),
        ("get_image_height", number, (pointer, number)),
        ("get_bits_per_pixel", number, (pointer, number)),
        ("get_image_plane", pointer, (pointer, number, ctypes.POINTER(number))),
        ("get_image_matrix_coefficients", number, (pointer,)),
        ("get_image_full_range_flag", number, (pointer,)),
    ):
        function = getattr(library, f"de265_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def _picture(library: Any, decoder: int) -> Decoded:  # noqa: ANN401
    more = ctypes.c_int(1)
    image = None
    while more.value and not image:
        _check(library.de265_decode(decoder, ctypes.byref(more)))
        image = library.de265_get_next_picture(decoder)
    while warning := library.de265_get_warning(decoder):
        if warning not in _HARMLESS:
            raise incomplete(Format.HEIC)
    if not image:
        raise incomplete(Format.HEIC)
    count = 1 if library.de265_get_chroma_format(image) == _MONOCHROME else _PLANES
    depths = {library.de265_get_bits_per_pixel(image, plane) for plane in range(count)}
    if len(depths) > 1:
        raise incomplete(Format.HEIC)
    (bits,) = depths
    return Decoded(
        tuple(_plane(library, image, plane, bits) for plane in range(count)),
        bits,
        library.de265_get_image_matrix_coefficients(image),
        bool(library.de265_get_image_full_range_flag(image)),
    )


def _plane(library: Any, image: int, plane: int, bits: int) -> Samples:  # noqa: ANN401
    """A copy: the original goes with the decoder."""
    width = library.de265_get_image_width(image, plane)
    height = library.de265_get_image_height(image, plane)
    row_bytes = ctypes.c_int()
    start = library.de265_get_image_plane(image, plane, ctypes.byref(row_bytes))
    if not start or min(width, height) < 1:
        raise incomplete(Format.HEIC)
    kind = np.dtype(np.uint8 if bits <= _BYTE_BITS else np.uint16)
    # The last row is only as long as it is wide.
    size = row_bytes.value * (height - 1) + width * kind.itemsize
    memory = (ctypes.c_uint8 * size).from_address(start)
    strides = (row_bytes.value, kind.itemsize)
    return np.ndarray((height, width), kind, memory, strides=strides).copy()


def _check(code: int) -> None:
    if code == _NO_MEMORY:
        raise MemoryError
    if code != _OK and code not in _HARMLESS:
        raise incomplete(Format.HEIC)
