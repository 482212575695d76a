"""A short run of the atheris target, where atheris is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

_SECONDS = 5
_PATIENCE_S = 120.0


def test_a_fuzzer_that_looks_for_new_lines_finds_no_defect(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is installed where it has a wheel")
    options = [f"-max_total_time={_SECONDS}", "-seed=1", "-timeout=5", "-rss_limit_mb=2048"]
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz.fuzz_target",
            str(corpus),
            f"-artifact_prefix={tmp_path}/",
            *options,
        ],
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr[-4000:]
    assert "Done" in ran.stderr
