"""A worker may open no file: whatever it needs is loaded before it gives that up."""

import io
import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from PIL import Image

from pixelpipe.formats.registry import WRITABLE
from tests.fidelity.input_kinds import KINDS

ROOT = Path(__file__).parents[2]


def mark() -> str:
    file = io.BytesIO()
    Image.new("RGBA", (6, 6), (255, 0, 0, 128)).save(file, "png")
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def specs() -> list[dict[str, Any]]:
    """Every field of a spec, some way or other."""
    size = {"width": 20, "height": 20}
    wanted: list[dict[str, Any]] = [{"format": output} for output in WRITABLE]
    wanted += [
        {"animation": "keep", "format": "webp", "webp": {"lossless": True}},
        {"animation": "keep", "format": "avif", "max_bytes": 900},
        {"format": "auto", "metadata": "all", "profile": "keep", "trim": {}},
        {"format": "png", "png": {"colors": 256}, "metadata": "copyright"},
        {"format": "png", "png": {"colors": 4}, "duotone": {"shadow": "#123", "highlight": "#fff"}},
        {"format": "jpeg", "jpeg": {"progressive": True, "optimize": True, "subsampling": "444"}},
        {"format": "avif", "avif": {"speed": 10, "budget_ms": 1}},
        {"resize": size | {"gravity": "attention", "kernel": "lanczos3"}, "rotate": 90},
        {"resize": size | {"gravity": "entropy", "linear": True}, "flip": "both"},
        {"resize": size | {"fit": "contain"}, "background": "blurred", "corners": {"radius_px": 4}},
        {
            "watermark": {"image": mark(), "tile": True},
            "sepia": 0.5,
            "contrast": 1.2,
            "saturation": 0.5,
            "sharpen": {},
            "pixelate": {"size_px": 3},
            "quad": {},
            "blur": {"sigma": 5},
        },
    ]
    return [{"name": f"v{number}", **spec} for number, spec in enumerate(wanted)]


def test_nothing_is_loaded_once_it_is_warm(tmp_path: Path) -> None:
    (tmp_path / "specs.json").write_text(json.dumps(specs()))
    for number, make in enumerate(KINDS.values()):
        (tmp_path / f"{number}.picture").write_bytes(make())
    command = [sys.executable, "-m", "tests.unit.warmed", str(tmp_path)]
    said = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    told = json.loads(said.stdout)
    refused = [each for each in told["loaded"] if each.startswith("refused")]
    assert [each for each in told["loaded"] if each not in refused] == []
    assert all("max_bytes" in each for each in refused), refused
    assert told["made"] > 1000
