"""Looking at processes through /proc."""

from pathlib import Path


def descendants(pid: int) -> set[int]:
    """The process's children, their children, and so on."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found: set[int] = set()
    todo = [pid]
    while todo:
        todo += children.get(todo.pop(), [])
        found |= set(todo)
    return found


def command_line(pid: int) -> bytes:
    """The process's program and arguments; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def left_behind(folder: Path) -> list[str]:
    """Processes that were started with this folder for temporary files, or in it; such files."""
    started_here = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            place = (process / "cwd").readlink()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if f"TMPDIR={folder}\0".encode() in environment or folder in place.parents:
            started_here.append(str(process))
    return started_here + [str(path) for path in folder.glob("pixelpipe-*")]
