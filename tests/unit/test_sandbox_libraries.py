"""The sandbox where its libraries are not installed: a reason, never a traceback."""

import json
import subprocess
import sys

import pytest

_PROGRAM = """
import ctypes.util, json, sys
{before}
from pixelpipe.engine import sandbox
from pixelpipe.engine.confinement import SandboxMode
report = sandbox.close_in(SandboxMode.REQUIRE, 0)
print(json.dumps(report.facts()))
"""


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("sys.modules['pyseccomp'] = None", "seccomp: import of pyseccomp halted"),
        ("ctypes.util.find_library = {'c': 'libc.so.6'}.get", "seccomp: Unable to find libseccomp"),
    ],
)
def test_without_its_library_seccomp_is_missing_with_a_reason(before: str, reason: str) -> None:
    without_landlock = "\nsys.modules['landlockpy'] = None"
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(before=before + without_landlock)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    facts = json.loads(ended.stdout)
    assert (facts["seccomp"], facts["landlock"]) == (False, 0)
    landlock, seccomp = facts["missing"]
    assert landlock.startswith("landlock: import of landlockpy halted")
    assert seccomp.startswith(reason)
