"""JPEG to luma and chroma, by libjpeg-turbo's own interface (its TurboJPEG API, 2.1 and later).

No Python binding that is kept hands out the planes. Where the system has no such library, callers
take the pixels apart that another decoder mixed, which costs a third of a decode more.
"""

import ctypes

from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.planes import Planes

# The name of its file with the version of its interface: what it declares is stable under it.
_LIBRARY = "libturbojpeg.so.0"
_YCBCR, _S420 = 1, 2
_STOP_ON_WARNING = 8192

_Pointers = ctypes.c_void_p * 3
_Int = ctypes.POINTER(ctypes.c_int)


class _Functions:
    """The functions that are called, declared."""

    def __init__(self, library: ctypes.CDLL) -> None:
        handle, data = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_ulong)
        self.start = library.tjInitDecompress
        self.start.restype = handle
        self.start.argtypes = ()
        self.header = library.tjDecompressHeader3
        self.header.argtypes = (handle, *data, _Int, _Int, _Int, _Int)
        self.decode = library.tjDecompressToYUVPlanes
        sizes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
        self.decode.argtypes = (handle, *data, _Pointers, *sizes, ctypes.c_int)
        self.end = library.tjDestroy
        self.end.argtypes = (handle,)


def _functions() -> _Functions | None:
    try:
        return _Functions(ctypes.CDLL(_LIBRARY))
    except (OSError, AttributeError):
        return None


# Looked for at import, before a worker closes itself in.
_turbojpeg = _functions()


def decode_planes(data: Pixels, size: tuple[int, int], reduction: int, out: Planes) -> bool:
    """Decode a JPEG of 4:2:0 without mixing its colours.

    Args:
        data: The file, screened.
        size: Width and height as stored, reduced and rounded up.
        reduction: Linear factor by which it is decoded smaller: 1, 2, 4 or 8.
        out: Is filled; sides rounded up to even ones, C-contiguous.

    Returns:
        Whether it was done. It is not where the library is missing, the file is of another kind,
        or anything about it gives cause for a warning; `out` is then filled with anything.
    """
    if _turbojpeg is None:
        return False
    handle = _turbojpeg.start()
    if not handle:
        raise MemoryError
    try:
        return _decoded(_turbojpeg, handle, data, (size, reduction), out)
    finally:
        _turbojpeg.end(handle)


def _decoded(
    functions: _Functions,
    handle: int,
    data: Pixels,
    wanted: tuple[tuple[int, int], int],
    out: Planes,
) -> bool:
    (width, height), reduction = wanted
    file = (data.ctypes.data, data.nbytes)
    found = [ctypes.c_int() for _ in range(4)]
    if functions.header(handle, *file, *map(ctypes.byref, found)):
        return False
    stored_width, stored_height, subsampling, colors = (each.value for each in found)
    # What is written is of the size in the file, which must be the one that there is room for.
    reduced = (-(-stored_width // reduction), -(-stored_height // reduction))
    if reduced != (width, height) or (subsampling, colors) != (_S420, _YCBCR):
        return False
    planes = _Pointers(*(plane.ctypes.data for plane in out.each))
    failed = functions.decode(handle, *file, planes, width, None, height, _STOP_ON_WARNING)
    return not failed
