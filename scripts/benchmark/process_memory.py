"""Memory of a process tree: its proportional set size (PSS), in which shared pages count once."""

import re
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from process_tree import tree_pids

_EVERY_S = 0.05
_KIB = 1024
_PSS = re.compile(r"^Pss: +(\d+) kB$", re.MULTILINE)


def pss_bytes(root: int) -> int:
    """The PSS of a process and all its descendants (proc_pid_smaps_rollup(5)).

    Raises:
        PermissionError: They are another user's.
        ProcessLookupError: There is no such process.
    """
    return sum(_pss_bytes(pid) for pid in tree_pids(root))


def _pss_bytes(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended since the listing
    return (
        sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * _KIB
    )


class PeakMemory:
    """The largest PSS of a process tree while a block runs, looked at 20 times a second.

    Attributes:
        peak_bytes: The largest that was seen; 0 where memory may not be looked at.

    Args:
        root: The root of the tree.
    """

    def __init__(self, root: int) -> None:
        self.peak_bytes = 0
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        looking = True
        while looking:
            try:
                self.peak_bytes = max(self.peak_bytes, pss_bytes(self._root))
            except (PermissionError, ProcessLookupError):
                return  # not ours to look at; or it ended, which the load reports
            looking = not self._over.wait(_EVERY_S)
