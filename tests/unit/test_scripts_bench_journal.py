import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import photograph
from benchmark.journal import _table, file_system
from benchmark.journal_rounds import Acceptance
from benchmark.journal_sources import Contents, new_jobs, numbered, variant_of

BENCH = Path(__file__).parents[2] / "scripts" / "bench.py"
TIMEOUT_S = 120
CPU = ("source_cpu_ms", "entry_cpu_ms", "variants_cpu_ms", "life_cpu_ms")


@pytest.fixture(scope="module")
def photo() -> bytes:
    return numbered(photograph.draw_photograph(900, 600, quality=97))


def _bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, BENCH, "journal", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_the_journal_is_measured_for_each_number_of_clients(tmp_path: Path) -> None:
    ran = _bench(tmp_path, "--clients", "1,3", "--jobs", "4", "--json", "figures.json")

    assert ran.returncode == 0, ran.stderr
    title, _, table = ran.stdout.partition(" clients ")
    words = " ".join(title.split())
    assert words.endswith("life: its 21 records")
    assert file_system(tmp_path) in words
    headings, _, *rows = table.splitlines()
    names = "fsyncs/s jobs/s ratio p50 p99 source accept variants life"
    assert headings.split() == names.split()
    cells = [[float(cell) for cell in row.split()] for row in rows if row.strip()]
    assert [clients for clients, *_ in cells] == [1, 3]
    assert all(figure > 0 for row in cells for figure in row)
    # Nothing of what was stored is left.
    assert [file.name for file in tmp_path.iterdir()] == ["figures.json"]

    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["file_system"] == file_system(tmp_path)
    assert 700_000 < figures["source_bytes"] < 900_000
    for result, row in zip(figures["results"], cells, strict=True):
        assert result["records"] == 21
        assert row[1] == round(result["fsyncs_per_s"])
        assert row[2] == pytest.approx(result["jobs_per_s"], abs=0.5)
        assert row[-4:] == [round(result[name], 2) for name in CPU]
        assert result["ratio"] == pytest.approx(result["jobs_per_s"] / result["fsyncs_per_s"])
        assert result["p50_ms"] <= result["p99_ms"]
        # The whole life has the entry in it.
        assert result["entry_cpu_ms"] < result["life_cpu_ms"]


def test_a_row_of_large_figures_fits_a_terminal() -> None:
    large = Acceptance(1024, 123456.7, 23456.7, 12345.6, 23456.7, 9.99, 9.99, 99.99, 9.99, 21)
    console = Console(file=io.StringIO(), width=80)
    console.print(_table([large], "842,248 B on ext4 (disk)"))

    assert isinstance(console.file, io.StringIO)
    *_, row, _ = console.file.getvalue().splitlines()
    told = "1024 123457 23457 0.190 12346 23457 9.99 9.99 99.99 9.99"
    assert row.split() == told.split()


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    ran = _bench(tmp_path, "--folder", "absent")

    assert ran.returncode == 1
    assert ran.stderr.startswith("scripts/bench: [Errno 2] No such file or directory: 'absent/")
    assert ran.stdout == ""


def test_help_tells_of_the_journal() -> None:
    ran = subprocess.run(
        [sys.executable, BENCH, "--help"], capture_output=True, text=True, check=True
    )

    assert "scripts/bench journal --help" in ran.stdout


def test_contents_differ_and_are_those_of_their_digests(photo: bytes) -> None:
    contents = Contents(variant_of(photo), 3, 2)
    with contents.lent(0) as first, contents.lent(2) as last:
        read = [first.tobytes(), last.tobytes()]

    assert [hashlib.sha256(each).hexdigest() for each in read] == [
        contents.blobs[0].sha256,
        contents.blobs[2].sha256,
    ]
    assert len({blob.sha256 for blob in contents.blobs}) == 3


def test_jobs_are_of_nine_variants_that_nobody_else_has(photo: bytes) -> None:
    jobs = new_jobs(photo, Contents(photo, 2, 1).blobs)

    assert [len(job.variants) for job in jobs] == [9, 9]
    assert len({variant.reuse_key for job in jobs for variant in job.variants}) == 18
    assert {(job.source.width, job.source.height) for job in jobs} == {(900, 600)}


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ("/dev/a / ext4 rw 0 0\n", "ext4 (disk)"),
        ("/dev/a / ext4 rw 0 0\ntmpfs {folder} tmpfs rw 0 0\n", "tmpfs (memory)"),
        ("tmpfs {folder} tmpfs rw 0 0\n/dev/a / ext4 rw 0 0\n", "tmpfs (memory)"),
        ("tmpfs {folder} tmpfs rw 0 0\n/dev/b {folder} xfs rw 0 0\n", "xfs (disk)"),
        ("/dev/a / ext4 rw 0 0\ntmpfs {folder}x tmpfs rw 0 0\n", "ext4 (disk)"),
        ("", "unknown (disk)"),
    ],
)
def test_the_file_system_is_that_of_the_closest_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mounts: str, expected: str
) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    listing = tmp_path / "mounts"
    listing.write_text(mounts.format(folder=str(folder).replace(" ", "\\040")))
    monkeypatch.setattr("benchmark.journal._MOUNTS", listing)

    assert file_system(folder) == expected
