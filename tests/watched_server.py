"""`pixelpipe`, which notes for how long its event loop was held up at most; see `watching`."""

import asyncio
import os
import signal
import time
from pathlib import Path

BEAT_S = 0.01


def main() -> None:
    """Run the command, with the file for the note in the environment."""
    from pixelpipe import cli  # noqa: PLC0415 - workers import this module too
    from pixelpipe.config import Settings  # noqa: PLC0415
    from pixelpipe.server import run  # noqa: PLC0415

    serve = run.serve

    async def watched(settings: Settings) -> None:
        watching = asyncio.create_task(_watch(Path(os.environ["WATCHED_NOTE"])))
        try:
            await serve(settings)
        finally:
            watching.cancel()

    run.serve = watched  # type: ignore[assignment] # without the argument that the command omits
    cli.app()


async def _watch(note: Path) -> None:
    """Note the longest time, in ms, that a timer was late by this thread's own doing.

    Other processes make it late as well, but take no time of ours. SIGUSR1 begins anew.
    """
    longest_s = 0.0

    def begin() -> None:
        nonlocal longest_s
        longest_s = 0.0
        note.write_text("0")

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, begin)
    while True:
        due, used_s = time.monotonic() + BEAT_S, time.thread_time()
        await asyncio.sleep(BEAT_S)
        held_s = min(time.monotonic() - due, time.thread_time() - used_s)
        if held_s > longest_s:
            longest_s = held_s
            note.write_text(str(held_s * 1000))


if __name__ == "__main__":
    main()
