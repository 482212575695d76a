"""What one of several processes has in use, the others see."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from pixelpipe.storage.marks import FileMarks

_HOLDER = """
import sys, signal
from pathlib import Path
from pixelpipe.storage.marks import FileMarks
marks = FileMarks(Path(sys.argv[1]))
marks.mark("a")
print(flush=True)
signal.pause()
"""


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[FileMarks]]:
    with ExitStack() as closes:
        yield [closes.enter_context(closing(FileMarks(tmp_path / "in-use"))) for _ in range(3)]


def test_what_one_marks_the_others_see_until_it_is_unmarked(three: list[FileMarks]) -> None:
    one, two, other = three
    one.mark("a")
    two.mark("a")
    assert [marks.elsewhere("a") for marks in three] == [True] * 3
    assert not other.elsewhere("b")
    one.unmark("a")
    assert [marks.elsewhere("a") for marks in three] == [True, False, True]
    two.unmark("a")
    assert not other.elsewhere("a")


def test_what_is_marked_here_is_not_marked_elsewhere(three: list[FileMarks]) -> None:
    three[0].mark("a")
    assert not three[0].elsewhere("a")


def test_what_is_closed_lets_go_and_takes_no_more(three: list[FileMarks], tmp_path: Path) -> None:
    gone = FileMarks(tmp_path / "in-use")
    gone.mark("a")
    gone.close()
    assert not three[0].elsewhere("a")
    gone.unmark("a")


def test_the_mark_of_a_killed_process_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "in-use"
    with closing(FileMarks(path)) as marks:
        command = [sys.executable, "-c", _HOLDER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            assert marks.elsewhere("a")
            os.kill(holder.pid, signal.SIGKILL)
        assert not marks.elsewhere("a")
