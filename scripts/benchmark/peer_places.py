"""Where the peers are installed."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2] / ".peers"
LIBRARIES = ROOT / "libraries"
THUMBOR = ROOT / "thumbor"
SHARP = ROOT / "sharp"
NODE = ROOT / "node"
NODE_MODULES = SHARP / "node_modules"

# What sharp asks for.
_LEAST_NODE = (20, 9)


def python(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / "bin" / "python"


@cache
def node() -> Path:
    """A Node that sharp runs on: the system's if it is new enough, else the one installed here."""
    found = shutil.which("node")
    return Path(found) if found and _is_new_enough(found) else NODE / "bin" / "node"


def _is_new_enough(program: str) -> bool:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    parts = said.stdout.strip().removeprefix("v").split(".")
    return all(map(str.isdecimal, parts)) and tuple(map(int, parts)) >= _LEAST_NODE
