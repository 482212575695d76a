"""What a warmed-up worker still loads: run as a program, as nothing of pytest may be loaded in it.

Prints, as JSON, what was imported or opened while the files of a folder were made into variants.
"""

import json
import sys
from pathlib import Path

import numpy as np

from pixelpipe.config import Settings
from pixelpipe.errors import PixelPipeError
from pixelpipe.formats.probe import probe
from pixelpipe.imaging import warming
from pixelpipe.imaging.decode import decode
from pixelpipe.imaging.pipeline import make
from pixelpipe.imaging.source import Source, frames_of, sidecar_of
from pixelpipe.recipes.plan import Plan, plan
from pixelpipe.recipes.spec import Spec, parse_specs

LIMITS = Settings.model_construct(max_variants=1000)
TOLD = frozenset({"import", "open", "ctypes.dlopen", "os.listdir"})


class Watch:
    """Notes what is loaded while it looks."""

    def __init__(self) -> None:
        self.looks = False
        self.seen: set[str] = set()
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.looks and event in TOLD:
            self.seen.add(f"{event} {arguments[0]}")


def planned(content: bytes, spec: Spec) -> Plan:
    info = probe(memoryview(content), max_pixels=LIMITS.max_pixels, max_side_px=LIMITS.max_side_px)
    return plan(info, [spec], LIMITS)


def made(content: bytes, wanted: Plan) -> None:
    room = np.zeros(wanted.decode.pixels_bytes, np.uint8)
    data = np.frombuffer(content, np.uint8)
    out, beside = frames_of(room, wanted.decode), sidecar_of(room, wanted.decode)
    decode(data, wanted.decode, out, before_codec=lambda: None, max_frames=100, sidecar=beside)
    make(Source(room, wanted.decode), wanted.tasks[0])


def main(folder: Path) -> None:
    """Make the variants that `specs.json` asks for of every other file in the folder."""
    specs = parse_specs(json.loads((folder / "specs.json").read_text()), limits=LIMITS)
    files = [path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".json"]
    warming.warm_up()
    plans = []
    for content in files:
        for spec in specs:
            try:
                plans.append((content, planned(content, spec)))
            except PixelPipeError:
                continue  # A crop that lies outside, say.
    watch = Watch()
    for content, wanted in plans:
        watch.looks = True
        try:
            made(content, wanted)
        except PixelPipeError as refusal:
            watch.seen.add(f"refused {refusal.detail}")
        finally:
            watch.looks = False
    print(json.dumps({"made": len(plans), "loaded": sorted(watch.seen)}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
