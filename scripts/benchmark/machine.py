"""On what machine, by which versions and when something was measured."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_CPU_NAME = re.compile(r"^model name\s*: (.*)$", re.MULTILINE)
_MEMORY = re.compile(r"^MemTotal:\s+(\d+) kB$", re.MULTILINE)
_KIB, _GIB = 1024, 2**30
_PACKAGES = ("pixelpipe", "opencv-python-headless", "simplejpeg", "Pillow", "numpy", "aiohttp")


def machine() -> dict[str, str | int]:
    """Its CPU, how many of them this process may use, its memory, kernel and Python."""
    name = _CPU_NAME.search(Path("/proc/cpuinfo").read_text())
    memory = _MEMORY.search(Path("/proc/meminfo").read_text())
    return {
        "cpu": name[1].strip() if name else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": int(memory[1]) * _KIB if memory else 0,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Of PixelPipe and of what its speed depends on."""
    return {package: version(package) for package in _PACKAGES}


def today() -> str:
    """The date."""
    return datetime.now(UTC).date().isoformat()


def in_words() -> str:
    """The machine and the date in a line."""
    facts = machine()
    memory = int(facts["memory_bytes"]) / _GIB
    return f"{facts['cpus']} CPUs ({facts['cpu']}), {memory:.0f} GiB, {today()}"
