"""Installs the peers under `.peers/`, which git ignores: Python's with pip, sharp with npm.

Each part has a stamp that holds what it was made from; where that is current, nothing happens.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmark import peer_places as places
from benchmark.errors import BenchError

_FILES = Path(__file__).parents[1] / "peers"
_PACKAGE = _FILES / "sharp" / "package.json"
_LOCK = _FILES / "sharp" / "package-lock.json"
_SAID_LINES = 12

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Part:
    """What is installed in one go.

    Attributes:
        peers: The peers that need it.
        folder: Where it goes.
        program: What runs it.
        sources: What says which versions.
        build: Fills the folder.
    """

    peers: tuple[str, ...]
    folder: Path
    program: Path
    sources: tuple[Path, ...]
    build: Callable[[], None]

    @property
    def is_current(self) -> bool:
        """Whether it is installed as its sources say."""
        made = self._stamp.is_file() and self.program.is_file()
        return made and self._stamp.read_text() == self._key()

    def make(self) -> None:
        """Install it afresh.

        Raises:
            BenchError: It cannot be; the message says what was said.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.build()
        self._stamp.write_text(self._key())

    @property
    def _stamp(self) -> Path:
        return self.folder / "stamp"

    def _key(self) -> str:
        """An environment knows its own place and its interpreter by their paths."""
        parts = [str(self.folder), sys.version, *(each.read_text() for each in self.sources)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def missing() -> list[str]:
    """The names of the peers that are not installed, or not as they should be."""
    return [name for part in _parts() if not part.is_current for name in part.peers]


def install() -> None:
    """Install what is missing; nothing happens where nothing is.

    Raises:
        BenchError: Something could not be installed; all else is. The message names the peers.
    """
    failures = []
    with _alone():
        for part in (part for part in _parts() if not part.is_current):
            console.print(f"installing {', '.join(part.peers)}")
            try:
                part.make()
            except BenchError as error:
                failures.append(f"{', '.join(part.peers)} cannot be installed: {error}")
    if failures:
        raise BenchError("\n".join(failures))


@contextmanager
def _alone() -> Iterator[None]:
    """Installations that are started together take turns."""
    places.ROOT.mkdir(exist_ok=True)
    descriptor = os.open(places.ROOT, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _parts() -> Sequence[Part]:
    return (
        _environment(("pyvips", "pillow"), places.LIBRARIES, _FILES / "requirements.txt"),
        _environment(("thumbor",), places.THUMBOR, _FILES / "requirements-thumbor.txt"),
        Part(
            peers=("sharp-each", "sharp-once"),
            folder=places.SHARP,
            program=places.node(),
            sources=(_PACKAGE, _LOCK),
            build=_install_sharp,
        ),
    )


def _environment(peers: tuple[str, ...], folder: Path, requirements: Path) -> Part:
    return Part(
        peers=peers,
        folder=folder,
        program=places.python(folder),
        sources=(requirements,),
        build=lambda: _make_environment(folder, requirements),
    )


def _make_environment(folder: Path, requirements: Path) -> None:
    _run([sys.executable, "-m", "venv", folder])
    pip = (places.python(folder), "-m", "pip", "--quiet", "--disable-pip-version-check")
    _run([*pip, "install", "--requirement", requirements])


def _install_sharp() -> None:
    """As the lock file says, with the Node that will run it."""
    places.SHARP.mkdir()
    for source in (_PACKAGE, _LOCK):
        shutil.copy(source, places.SHARP)
    _run([_npm(), "ci", "--no-audit", "--no-fund", "--loglevel=error"], folder=places.SHARP)


def _npm() -> Path:
    """The npm beside the Node that is used; where the system has none, one from PyPI."""
    npm = places.node().with_name("npm")
    if npm.exists():
        return npm
    console.print("installing Node, which this machine lacks")
    shutil.rmtree(places.NODE, ignore_errors=True)
    _make_environment(places.NODE, _FILES / "requirements-node.txt")
    return places.NODE / "bin" / "npm"


def _run(command: Sequence[str | Path], folder: Path | None = None) -> None:
    """Run a command that installs; a Node from PyPI is found by what npm itself starts."""
    path = os.pathsep.join([str(places.node().parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        command,
        cwd=folder or places.ROOT,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-_SAID_LINES:])
        raise BenchError(f"{' '.join(map(str, command))} failed:\n{said}")
