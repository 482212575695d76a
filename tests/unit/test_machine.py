"""What the process may use, cgroup limits included."""

import os
from pathlib import Path

import pytest

from pixelpipe.engine import machine


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the process's cgroup."""
    monkeypatch.setattr(machine, "_cgroup", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("quota", "cpus"), [("100000 100000", 1), ("150000 100000", 2), ("50000 100000", 1)]
)
def test_a_quota_limits_the_processors(
    quota: str, cpus: int, cgroup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    (cgroup / "cpu.max").write_text(f"{quota}\n")
    assert machine.available_cpus() == cpus


@pytest.mark.usefixtures("cgroup")
def test_without_a_quota_the_affinity_counts(cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert machine.available_cpus() == 2
    (cgroup / "cpu.max").write_text("max 100000\n")
    assert machine.available_cpus() == 2


def test_the_arena_is_a_quarter_of_the_memory_that_the_group_may_use(cgroup: Path) -> None:
    (cgroup / "memory.max").write_text(f"{64 * 2**20}\n")
    assert machine.default_arena_bytes() == 16 * 2**20


def test_the_arena_leaves_room_in_shared_memory(
    cgroup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        f_frsize = 4096
        f_blocks = 16 * 1024

    (cgroup / "memory.max").write_text("max\n")
    monkeypatch.setattr(os, "statvfs", lambda _: Small)
    assert machine.default_arena_bytes() == 64 * 2**20 * 8 // 10


def test_the_process_has_a_cgroup_that_can_be_read() -> None:
    assert machine.available_cpus() >= 1
    assert machine.default_arena_bytes() > 0
