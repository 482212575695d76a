"""Servers in processes of their own, which are gone after the test whatever its outcome."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.serving import LiveServer

HERE = Path(__file__).parent
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class FaultyProcess:
    """It, and where it listens."""

    process: subprocess.Popen[str]
    url: str

    def end(self, *signals: signal.Signals) -> int:
        """Send these signals and wait; its exit code."""
        for number in signals:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def faulty_process(folder: Path) -> Iterator[FaultyProcess]:
    """A server over the data folder whose workers go wrong on demand."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "faulty_server.py"), str(folder), "600"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
    )
    assert process.stdout is not None
    try:
        yield FaultyProcess(process, process.stdout.readline().split()[-1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def live_process(folder: Path, **environment: str) -> Iterator[LiveServer]:
    """A server over the data folder, as users start it."""
    server = LiveServer(folder, **environment)
    try:
        yield server
    finally:
        server.kill()
