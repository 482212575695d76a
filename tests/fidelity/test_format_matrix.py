"""Every kind of file that is read, in every format that is written: what comes out of each cell.

The README's table of it is the sum of what these tests see.
"""

import io
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from pixelpipe.config import Settings
from pixelpipe.formats.registry import ANIMATED, FORMATS, WRITABLE, Format
from pixelpipe.imaging.decode import decode
from pixelpipe.imaging.pipeline import make
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.imaging.source import Source, frames_of, sidecar_of
from pixelpipe.recipes.plan import plan
from pixelpipe.recipes.spec import Spec
from tests.fidelity.input_kinds import EXACT, KINDS, frames, least_db, reference
from tests.fidelity.references import psnr
from tests.photographs import opened
from tests.unit.probe_files import probed

README = (Path(__file__).parents[2] / "README.md").read_text()
LIMITS = Settings.model_construct()
LOSSLESS_DB = 50.0
LOSSY_DB = 28.0
MARGIN_DB = 4.0
QUALITY = 95


class Cell(NamedTuple):
    """What came out: BGRA, and what the file says of itself."""

    pixels: Pixels
    mode: str
    frames: int


@cache
def cell(kind: str, output: Format) -> Cell:
    content = KINDS[kind]()
    spec = Spec(name="a", format=output, quality=QUALITY, animation="keep")  # type: ignore[arg-type]
    planned = plan(probed(content), [spec], LIMITS)
    pixels = np.zeros(planned.decode.pixels_bytes, np.uint8)
    decode(
        np.frombuffer(content, np.uint8),
        planned.decode,
        frames_of(pixels, planned.decode),
        before_codec=lambda: None,
        max_frames=100,
        sidecar=sidecar_of(pixels, planned.decode),
    )
    made = make(Source(pixels, planned.decode), planned.tasks[0])
    picture = opened(bytes(made.content))
    assert (picture.width, picture.height) == (made.facts.width, made.facts.height)
    assert getattr(picture, "n_frames", 1) == made.facts.frames
    mode = picture.mode
    shown = np.asarray(picture.convert("RGBA"))[..., [2, 1, 0, 3]]
    return Cell(np.ascontiguousarray(shown), mode, made.facts.frames)


def on_white(pixels: Pixels) -> Pixels:
    alpha = pixels[..., 3:] / 255
    flat = np.rint(pixels[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.dstack([flat, np.full(flat.shape[:2], 255, np.uint8)])


def least(kind: str, output: Format) -> float:
    """How near it has to come: of noise, which no codec keeps, nearly as near as Pillow's."""
    if output is Format.PNG and least_db(kind) == EXACT:
        return LOSSLESS_DB
    wanted = on_white(reference(kind))
    options = {"subsampling": 2} if output is Format.JPEG else {"speed": 9}
    file = io.BytesIO()
    flat = Image.fromarray(np.ascontiguousarray(wanted[..., 2::-1]))
    flat.save(file, str(output), quality=QUALITY, **options)
    again = np.asarray(opened(file.getvalue()).convert("RGB"))[..., ::-1]
    return min(LOSSY_DB, psnr(again, wanted[..., :3]) - MARGIN_DB)


@pytest.mark.parametrize("output", WRITABLE)
@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_out_shows_what_went_in(kind: str, output: Format) -> None:
    made = cell(kind, output)
    wanted = reference(kind)
    if not FORMATS[output].holds_alpha:
        wanted = on_white(wanted)
    assert made.pixels.shape == wanted.shape
    assert np.abs(made.pixels[..., 3].astype(int) - wanted[..., 3]).max() <= 8
    # Colours count by their alpha: what is transparent has none.
    assert psnr(on_white(made.pixels), on_white(wanted)) >= least(kind, output)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if frames(kind) > 1])
@pytest.mark.parametrize("output", WRITABLE)
def test_what_moves_goes_on_moving_where_it_can(kind: str, output: Format) -> None:
    assert cell(kind, output).frames == (frames(kind) if output in ANIMATED else 1)


def content_of(kind: str) -> str:
    """What kind of picture it is."""
    if frames(kind) > 1:
        return "animated"
    shown = reference(kind)
    is_gray = (shown[..., :1] == shown[..., 1:3]).all()
    words = "gray" if is_gray else "colour"
    return words if (shown[..., 3] == 255).all() else f"{words}, alpha"


def outcome(kind: str, output: Format) -> str:
    """What the file holds, in the words of the README."""
    made = cell(kind, output)
    if made.frames > 1:
        return "animated"
    if "A" in made.mode or (made.pixels[..., 3] < 255).any():
        return "alpha"
    flat = " on white" if (reference(kind)[..., 3] < 255).any() else ""
    return ("gray" if made.mode == "L" else "colour") + flat


def test_the_readme_shows_the_matrix() -> None:
    seen: dict[tuple[str, str], dict[Format, set[str]]] = defaultdict(lambda: defaultdict(set))
    for kind in KINDS:
        row = (kind.split()[0].upper().replace("WEBP", "WebP"), content_of(kind))
        for output in WRITABLE:
            seen[row][output].add(outcome(kind, output))
    lines = [
        f"| {source} | {content} | "
        + " | ".join(" or ".join(sorted(cells[output])) for output in WRITABLE)
        + " |"
        for (source, content), cells in seen.items()
    ]
    section = re.search(r"^## Formats\n(.*?)(?=^## )", README, re.MULTILINE | re.DOTALL)
    assert section
    rows = r"^\| [A-Z]\w+ \| (?:gray|colour|animated)(?:, alpha)? \|.*$"
    assert re.findall(rows, section[1], re.MULTILINE) == lines
