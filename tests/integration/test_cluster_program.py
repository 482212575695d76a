import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from photograph import draw_photograph
from tests.processes import left_behind

CLUSTER = Path(__file__).parents[2] / "scripts" / "cluster.py"
TIMEOUT_S = 180


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(draw_photograph(640, 480))
    return path


def _started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, CLUSTER, *arguments],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder), "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_photograph_is_made_by_the_nodes_and_nothing_is_left(tmp_path: Path, photo: Path) -> None:
    with _started(tmp_path, "--once", photo.name) as cluster:
        out, complaints = cluster.communicate(timeout=TIMEOUT_S)

    assert (cluster.returncode, complaints) == (0, "")
    steps = [line.split(" ms ", 1)[1].strip() for line in out.splitlines() if " ms  " in line]
    steps = [re.sub(" +", " ", step) for step in steps]
    (accepted,) = (step for step in steps if step.startswith("front accepted "))
    job_id = accepted.rpartition(" ")[2]
    assert f"redis queued as bull:pixelpipe:{job_id}" in steps
    assert {"worker makes it", "both makes it"} & set(steps)
    assert "redis completed, says the queue" in steps
    told = [step for step in steps if step.startswith("both event ")]
    assert [int(step.split()[2]) for step in told] == list(range(1, len(told) + 1))
    assert (told[0].split()[3], told[-1].split()[3]) == ("job.accepted", "job.completed")
    assert (
        len([step for step in steps if re.search(r"^s3 \S+ is blobs/../[0-9a-f]{64}$", step)]) == 9
    )
    assert out.splitlines()[-1] == "9 of 9 variants fetched from both, with the right digest"
    assert left_behind(tmp_path) == []


def test_what_is_interrupted_while_it_starts_leaves_nothing(tmp_path: Path, photo: Path) -> None:
    with _started(tmp_path, photo.name) as cluster:
        assert cluster.stdout is not None
        while not cluster.stdout.readline().startswith("redis"):
            assert cluster.poll() is None
        cluster.send_signal(signal.SIGINT)
        assert cluster.wait(TIMEOUT_S) == 130
    assert left_behind(tmp_path) == []


def test_what_cannot_be_sent_is_one_line(tmp_path: Path) -> None:
    with _started(tmp_path, "absent.jpg") as cluster:
        out, complaints = cluster.communicate(timeout=TIMEOUT_S)
    message = "scripts/cluster: cannot read absent.jpg: No such file or directory\n"
    assert (cluster.returncode, out, complaints) == (1, "", message)
    assert left_behind(tmp_path) == []
