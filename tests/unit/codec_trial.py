"""A program: what files cost the codec, each in a process of its own, as some of them kill it.

    python -m tests.unit.codec_trial screened|unscreened FILE...

Prints a line of JSON for each: how it ended, CPU seconds, and the memory that it took.
"""

import json
import os
import resource
import sys
from pathlib import Path

import cv2
import numpy as np

from pixelpipe.errors import PixelPipeError
from pixelpipe.formats.probe import probe
from pixelpipe.imaging.decode import decode
from pixelpipe.recipes.task import Decode

_MOST_BYTES = 1 << 30
_MOST_S = 1


def main() -> None:
    """Try each file."""
    cv2.setNumThreads(1)
    way = {"screened": screened, "unscreened": unscreened}[sys.argv[1]]
    for name in sys.argv[2:]:
        data = Path(name).read_bytes()
        readable, writable = os.pipe()
        pid = os.fork()
        if not pid:
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
            resource.setrlimit(resource.RLIMIT_CPU, (_MOST_S, _MOST_S))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.write(writable, way(data).encode())
            os._exit(0)
        os.close(writable)
        with os.fdopen(readable) as said:
            answer = said.read()
        _, status, usage = os.wait4(pid, 0)
        ended = answer or f"signal {-os.waitstatus_to_exitcode(status)}"
        seconds = usage.ru_utime + usage.ru_stime
        print(json.dumps([ended, seconds, usage.ru_maxrss * 1024]), flush=True)  # noqa: T201


def unscreened(data: bytes) -> str:
    """The codec's answer."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError) as error:
        return type(error).__name__
    return "nothing" if pixels is None else "pixels"


def screened(data: bytes) -> str:
    """PixelPipe's answer: the slug of an error, or that there are pixels."""
    try:
        found = probe(memoryview(data), max_pixels=50_000_000, max_side_px=16384)
        size = found.width, found.height
        plan = Decode(found.format, *size, found.channels, found.orientation, 1, *size)
        out = np.empty((plan.height, plan.width, plan.channels), np.uint8)
        pixels = np.frombuffer(data, np.uint8)
        squeezed = out[..., 0] if plan.channels == 1 else out
        decode(pixels, plan, squeezed, before_codec=lambda: None, max_frames=1000)
    except PixelPipeError as error:
        return error.slug
    return "pixels"


if __name__ == "__main__":
    main()
