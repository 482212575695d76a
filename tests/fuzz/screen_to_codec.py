"""Spoiled files through probe, screen and the real codecs: a program, as one may kill it.

    python -m tests.fuzz.screen_to_codec SECONDS [NUMBER]

It prints the number of each file before it begins with that, so that the last line names the one
that ended it; with a number it takes this one alone. A file that takes over `MOST_S` of CPU time,
or an error that is not PixelPipe's, ends it as well. Address space is limited as a worker's is.
"""

import itertools
import os
import resource
import sys
import time
from random import Random

from pixelpipe.config import Settings, prepare_codec_environment

MOST_S = 2.0
_MOST_BYTES = 2 << 30
_SETTINGS = Settings.model_construct(max_pixels=1_000_000, max_side_px=4096)


def main() -> None:
    """Decode until the time is up."""
    prepare_codec_environment(_SETTINGS)
    # OpenCV reads its limits when it is imported.
    import cv2  # noqa: PLC0415

    from tests.fuzz.one_file import decoded  # noqa: PLC0415

    cv2.setNumThreads(1)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    end = time.monotonic() + float(sys.argv[1])
    one = [int(number) for number in sys.argv[2:]]
    done = whole = 0
    for number in one or itertools.count():
        if not one and time.monotonic() > end:
            break
        os.write(1, f"{number}\n".encode())
        began = time.process_time()
        whole += decoded(Random(number))
        done += 1
        if time.process_time() - began > MOST_S:
            raise SystemExit(f"number {number} took {time.process_time() - began:.1f} s")
    os.write(1, f"done {done}, of which {whole} were decoded\n".encode())


if __name__ == "__main__":
    main()
