"""A server whose event loop and memory are watched while clients do their worst."""

import os
import re
import signal
import time
from pathlib import Path

from tests.serving import LiveServer

_PATIENCE_S = 10.0
_OWN_MEMORY = re.compile(r"^Pss_Anon: +(\d+) kB$", re.MULTILINE)


class WatchedServer(LiveServer):
    """`pixelpipe serve` in a process of its own, which notes what holds up its loop."""

    runs = (str(Path(__file__).with_name("watched_server.py")),)

    def __init__(self, data_dir: Path, *options: str, **environment: str) -> None:
        self._note = data_dir.with_suffix(".held")
        super().__init__(data_dir, *options, WATCHED_NOTE=str(self._note), **environment)

    def begin(self) -> None:
        """Forget what held up the loop so far."""
        self._note.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        end = time.monotonic() + _PATIENCE_S
        while not self._note.exists():
            assert time.monotonic() < end, "the server does not answer to SIGUSR1"
            time.sleep(0.005)

    def held_up_ms(self) -> float:
        """For how long the loop was held up at most, by its own work, since `begin`."""
        return float(self._note.read_text() or 0)

    def memory_bytes(self) -> int:
        """What the server process has for itself."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        found = _OWN_MEMORY.search(rollup)
        assert found
        return int(found[1]) * 1024
