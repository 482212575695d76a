"""An atheris target: whatever the bytes, probe and screen answer or refuse in their own words.

    python -m tests.fuzz.fuzz_target [CORPUS] [OPTION OF LIBFUZZER...]

Atheris looks for bytes that reach new lines of the two; the good files are where it begins.
"""

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pixelpipe.formats"]):
    from pixelpipe.errors import PixelPipeError
    from pixelpipe.formats.probe import probe
    from pixelpipe.formats.screen import screen

_MAX_FRAMES = 100
_SPARE_BYTES = 64


def screened(data: bytes) -> None:
    """Probe the bytes and screen them.

    Raises:
        Exception: Anything but an error of PixelPipe's is a defect, and ends the run.
    """
    view = memoryview(data)
    with suppress(PixelPipeError):
        info = probe(view, max_pixels=1_000_000, max_side_px=4096)
        kept = screen(view, info.format, max_frames=_MAX_FRAMES)
        assert len(kept) <= len(data) + _SPARE_BYTES


def main() -> None:
    """Fuzz until libFuzzer's options say that it is enough."""
    from tests.fuzz.mutations import SEEDS  # noqa: PLC0415 - after what is instrumented

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(SEEDS):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        atheris.Setup([*sys.argv, folder], screened)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
