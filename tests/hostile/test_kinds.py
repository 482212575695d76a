"""The table of hostile files, and what some of them do to an OpenCV that nothing guards."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from pixelpipe.errors import PixelPipeError
from tests.hostile.all_kinds import KINDS
from tests.hostile.kind import COMPLETED

MEASURED_WITH = "5.0.0.93"
LARGEST_BYTES = 32 << 20
_PATIENCE_S = 60.0


def slugs() -> set[str]:
    found, todo = set(), [PixelPipeError]
    while todo:
        subclasses = todo.pop().__subclasses__()
        found |= {error.slug for error in subclasses}
        todo += subclasses
    return found


def test_there_are_kinds_enough_and_each_may_end_somehow() -> None:
    assert len(KINDS) >= 60
    assert len([kind for kind in KINDS.values() if kind.kills]) >= 10
    assert all(kind.allowed for kind in KINDS.values())
    assert {end for kind in KINDS.values() for end in kind.allowed} <= {COMPLETED, *slugs()}


@pytest.mark.parametrize("name", [kind.name for kind in KINDS.values() if kind.kills])
def test_what_is_posted_many_times_is_another_file_each_time(name: str) -> None:
    kind = KINDS[name]
    assert len({kind.varied(b"", number) for number in range(50)}) == 50
    assert len(kind.build()) + 100 <= LARGEST_BYTES


@pytest.mark.skipif(
    version("opencv-python-headless") != MEASURED_WITH,
    reason=f"what kills it was measured with OpenCV {MEASURED_WITH}",
)
@pytest.mark.parametrize(
    "name",
    [
        "APNG, still first, with fdAT of 0 bytes",
        "APNG, still first, with a filter that nobody knows",
    ],
)
def test_an_opencv_that_nothing_guards_does_not_survive_it(name: str) -> None:
    """Else they would be duds, and posting them would prove nothing."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.hostile.unguarded", name],
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=True,
    )
    assert json.loads(ran.stdout)["kills"] == KINDS[name].kills
