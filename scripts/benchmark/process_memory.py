"""Memory of a process tree: its proportional set size (PSS), in which shared pages count once."""

from pathlib import Path

from benchmark.repeated import Repeated
from process_tree import tree_pids

_EVERY_S = 0.05
_KIB = 1024


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


class PeakMemory(Repeated):
    """The largest PSS of a process tree while a block runs, looked at 20 times a second.

    Attributes:
        peak_bytes: The largest that was seen; 0 where memory may not be looked at.

    Args:
        root: The root of the tree.
    """

    def __init__(self, root: int) -> None:
        super().__init__(_EVERY_S)
        self.peak_bytes = 0
        self._root = root

    def look(self) -> bool:
        """Look once."""
        try:
            self.peak_bytes = max(self.peak_bytes, pss_bytes(self._root))
        except (PermissionError, ProcessLookupError):
            return False  # not ours to look at; or it ended, which the load reports
        return True
