"""What a file costs an OpenCV that nothing guards: a program of its own, as some files kill it.

    python -m tests.hostile.unguarded [NAME...]

For each of the kinds, or for those named, it prints a line of JSON: what becomes of the decoder in
a child of this process, without OpenCV's limits lowered and without any look at the file before.
"""

import json
import os
import re
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from tests.hostile.all_kinds import KINDS

MOST_S = 2.0
MOST_BYTES = 1 << 30
_GIVEN_UP_S = 4
_GIVEN_UP_BYTES = 8 << 30
_PEAK = re.compile(r"VmPeak:\s+(\d+) kB")


@dataclass(frozen=True, slots=True)
class Cost:
    """How it ended.

    Attributes:
        name: The kind.
        kills: As `Kind.kills` says it.
        seconds: CPU time.
        size_bytes: Address space that it took, at its peak.
        ended: The decoder's answer, or the signal that ended it.
    """

    name: str
    kills: str
    seconds: float
    size_bytes: int
    ended: str


def cost(name: str, data: bytes) -> Cost:
    """Decode the file in a child, and see what happens to that."""
    readable, writable = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(readable)
        _decode(data, writable)
    os.close(writable)
    with os.fdopen(readable) as said:
        report = said.read()
    _, status, usage = os.wait4(pid, 0)
    seconds = usage.ru_utime + usage.ru_stime
    answer, size_bytes = json.loads(report) if report else (_end(status), 0)
    return Cost(name, _verdict(report, seconds, size_bytes), seconds, size_bytes, answer)


def _decode(data: bytes, report: int) -> None:
    before = _peak_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (before + _GIVEN_UP_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (_GIVEN_UP_S, _GIVEN_UP_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        answer = "nothing" if decoded is None else f"pixels {decoded.shape}"
    except (cv2.error, MemoryError) as error:
        answer = str(error)[:200]
    os.write(report, json.dumps([answer, _peak_bytes() - before]).encode())
    os._exit(0)


def _peak_bytes() -> int:
    found = _PEAK.search(Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def _end(status: int) -> str:
    return f"status {os.waitstatus_to_exitcode(status)}"


def _verdict(report: str, seconds: float, size_bytes: int) -> str:
    if seconds > MOST_S:
        return "time"
    if not report:
        return "crash"
    return "memory" if size_bytes > MOST_BYTES else ""


def main() -> None:
    cv2.setNumThreads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for name in sys.argv[1:] or KINDS:
        print(json.dumps(asdict(cost(name, KINDS[name].build()))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
