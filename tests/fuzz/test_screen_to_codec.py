"""What the screen lets through ends no process, and keeps none for long."""

import subprocess
import sys

_SECONDS = 3
_PATIENCE_S = 120.0
_LEAST_FILES = 200


def test_no_spoiled_file_ends_the_process_that_decodes_it() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.screen_to_codec", str(_SECONDS)],
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    last = ran.stdout.splitlines()[-1]

    # To meet it again: python -m tests.fuzz.screen_to_codec 1 NUMBER
    assert ran.returncode == 0, f"number {last}: {ran.returncode}, {ran.stderr[-2000:]}"
    files, decoded = (int(word) for word in last.replace(",", "").split() if word.isdigit())
    assert files >= _LEAST_FILES
    assert 0 < decoded < files
