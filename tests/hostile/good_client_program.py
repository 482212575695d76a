"""A client that posts good photographs, one after the other: a program of its own.

    python -m tests.hostile.good_client_program URL

Beside the senders of hostile files it would share their interpreter, and measure that. It prints a
line of JSON for each job: when it was asked for, how long that took, and how it ended. It ends when
its input does.
"""

import asyncio
import json
import sys
import time

from aiohttp import ClientSession, ClientTimeout

from tests.photographs import photo_jpeg, unlike

PAUSE_S = 0.02
_SPECS = json.dumps([{"name": name, "resize": {"width": 60}} for name in ("a", "b")])


async def main() -> None:
    """Post until there is no more input."""
    end = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    async with ClientSession(sys.argv[1], timeout=ClientTimeout(60)) as session:
        while not end.done():
            at = time.monotonic()
            ended = await _posted(session)
            job = {"at": at, "ended": ended, "took_s": time.monotonic() - at}
            print(json.dumps(job), flush=True)  # noqa: T201
            await asyncio.sleep(PAUSE_S)


async def _posted(session: ClientSession) -> str:
    """How the job ended: its state, or the status of another answer."""
    answer = await session.post(
        "/api/jobs",
        data=unlike(photo_jpeg()),
        params={"variants": _SPECS},
        headers={"Prefer": "wait=60"},
    )
    document = await answer.json()
    return str(document["state"] if answer.status == 200 else answer.status)


if __name__ == "__main__":
    asyncio.run(main())
