"""`pixelpipe`, which dies as of a power cut when it has recorded a job and is to queue it."""

import os
import signal
import sys

sys.path.insert(0, os.getcwd())  # noqa: PTH109 - where the tests are


def main() -> None:
    """Run the command that the arguments say."""
    from pixelpipe.cli import app  # noqa: PLC0415 - workers import this module too
    from pixelpipe.jobs.model import Job  # noqa: PLC0415
    from pixelpipe.scaleout.line import Line  # noqa: PLC0415

    async def die(line: Line, job: Job, *, again: bool = False) -> None:
        del line, job, again
        os.kill(os.getpid(), signal.SIGKILL)

    Line.put = die  # type: ignore[assignment, method-assign]
    app()


if __name__ == "__main__":
    main()
