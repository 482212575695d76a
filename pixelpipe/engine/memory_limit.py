"""How much memory a worker may have: what a job can need with good reason, and not more.

A codec that a file makes ask for more is refused it, which ends the decode, or the worker with a
strike: not the machine, where the kernel would choose what it kills.
"""

import ctypes
import os
import resource
from pathlib import Path

from pixelpipe.engine.confinement import Confinement
from pixelpipe.engine.pages import MIB
from pixelpipe.engine.protocol import Batch
from pixelpipe.formats.registry import Format
from pixelpipe.recipes.task import Decode, Task

# Bytes by pixel: about one and a half times the worst that was measured of each at 50 MP, at any
# depth, with alpha, progressive or turned, and of noise at the highest quality.
_DECODE = {
    Format.JPEG: 24,
    Format.PNG: 24,
    Format.WEBP: 24,
    Format.AVIF: 64,
    Format.GIF: 24,
    Format.TIFF: 32,
    Format.BMP: 16,
    Format.HEIC: 40,
    Format.JXL: 96,
}
_ENCODE = {Format.JPEG: 24, Format.PNG: 32, Format.WEBP: 68, Format.AVIF: 72, Format.JXL: 80}
# Of one frame; what is kept of all of them, and of the file, comes on top.
_ENCODE_MOVING = {Format.PNG: 32, Format.WEBP: 68, Format.AVIF: 200}
_KEPT_OF_FRAMES = 16
_STEPS_BY_DECODED = 12
_STEPS_BY_OUTPUT = 16
_COPY = 4

# For all that does not grow with the picture, and what jobs before it left in pieces.
_ALWAYS_BYTES = 256 * MIB
_SOURCE_COPIES = 4
_KEPT_BYTES = 1024 * MIB
# Codecs round sides up to blocks, and put borders around them.
_BORDER_PX = 128
_BORDERS_SHARE = 1.25

_libc = ctypes.CDLL(None)
_libc.sbrk.restype = ctypes.c_void_p
_libc.sbrk.argtypes = (ctypes.c_ssize_t,)


def batch_bytes(batch: Batch) -> int:
    """The most that the batch may need beside the arena."""
    needs = [task_bytes(step.task, batch.decode) for step in batch.steps]
    if batch.decode_ticket is not None:
        needs.append(decode_bytes(batch.decode))
    return _ALWAYS_BYTES + _SOURCE_COPIES * batch.source_bytes + max(needs, default=0)


def most_bytes(confinement: Confinement) -> int:
    """The most that any batch may need."""
    # An animation has two frames or more.
    moving = max(_ENCODE_MOVING.values()) // 2 + _KEPT_OF_FRAMES
    encode = max(*_ENCODE.values(), moving)
    steps = _STEPS_BY_DECODED + _STEPS_BY_OUTPUT + encode + _COPY
    pixels = int(confinement.max_pixels * _BORDERS_SHARE)
    return (
        _ALWAYS_BYTES
        + _SOURCE_COPIES * confinement.max_upload_bytes
        + pixels * max(steps, *_DECODE.values())
    )


def decode_bytes(decode: Decode) -> int:
    """The most that a decode may need. A reduced one still reads the whole picture."""
    return _bordered_px(decode.source_width, decode.source_height) * _DECODE[decode.format]


def task_bytes(task: Task, decode: Decode) -> int:
    """The most that a variant may need."""
    output_px = _bordered_px(task.output_width, task.output_height)
    decoded_px = _bordered_px(decode.width, decode.height)
    table = _ENCODE_MOVING if task.animated else _ENCODE
    encode = max(table[each] for each in task.possible_formats)
    need = decoded_px * _STEPS_BY_DECODED + output_px * (_STEPS_BY_OUTPUT + encode)
    if task.animated:
        need += output_px * decode.frames * _KEPT_OF_FRAMES
    if decode.keep_profile:
        need += decode.pixels_bytes  # what does not keep it works on a copy
    return need


class MemoryLimit:
    """The limit of this process's address space (RLIMIT_AS), set anew for each batch.

    Made once the arena is mapped. The hard limit, which cannot be raised again, is what any batch
    may need and 1 GiB more: the C library keeps memory that jobs before it were done with.
    """

    def __init__(self, confinement: Confinement) -> None:
        self._mapped_bytes = _mapped_bytes()
        self._heap_end = _heap_end()
        _, before = resource.getrlimit(resource.RLIMIT_AS)
        hard = self._mapped_bytes + most_bytes(confinement) + _KEPT_BYTES
        self._hard = hard if before == resource.RLIM_INFINITY else min(hard, before)
        resource.setrlimit(resource.RLIMIT_AS, (self._hard, self._hard))

    def allow(self, need_bytes: int) -> None:
        """Let the process have so much more than at its start, beside what its heap has kept."""
        kept = _heap_end() - self._heap_end
        limit = min(self._mapped_bytes + kept + need_bytes, self._hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, self._hard))


def _mapped_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[0]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _heap_end() -> int:
    return int(_libc.sbrk(0) or 0)


def _bordered_px(width: int, height: int) -> int:
    return (width + _BORDER_PX) * (height + _BORDER_PX)
