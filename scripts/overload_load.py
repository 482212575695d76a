"""The load of an overload: uploads that nobody has sent before, from many clients."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import quote

from load import Reply, Sample, closed_loop, numbers, open_loop
from photograph import draw_photograph
from raw_client import Answer, RawClient

_PROBE = Path(__file__).with_name("overload_probe.py")
_WAIT = "Prefer: wait=60\r\n"
# One in so many of those that are refused comes back when it was told to.
_RETURNS = 10


class Photographs:
    """Requests that upload one picture, each in bytes of its own.

    Args:
        width_px: Of the picture; three quarters of that is its height.
        seed: No two runs send the same.
    """

    def __init__(self, width_px: int, seed: int) -> None:
        jpeg = draw_photograph(width_px, width_px * 3 // 4)
        self._path = f"/api/jobs?variants={quote(json.dumps(_variants(width_px)))}"
        self._start, self._rest = jpeg[:2], jpeg[2:]
        self._seed = seed
        self._numbers = count()
        self.size_bytes = len(jpeg)

    def request(self, *, wait: bool = False) -> list[bytes]:
        """A request for its variants; answered when they are made if it is to wait."""
        text = f"{self._seed:010d} {next(self._numbers):010d}".encode()
        comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
        length = len(self._start) + len(comment) + len(self._rest)
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            f"{_WAIT if wait else ''}Content-Length: {length}\r\n\r\n"
        )
        return [head.encode() + self._start + comment, self._rest]


@dataclass(slots=True)
class Seen:
    """What clients were answered.

    Attributes:
        answers: To uploads, in the order in which they came.
        returned: To uploads that came back when they had been told to.
        kept_away: How many uploads were not sent because too many were under way.
    """

    answers: list[Answer] = field(default_factory=list)
    returned: list[Answer] = field(default_factory=list)
    kept_away: int = 0


class Mob:
    """Clients at addresses of their own that upload by turns.

    Args:
        port: Of the server.
        photographs: What they upload.
        random: Chooses who does.
        clients: How many they are.
        at_once: Uploads that may be under way, of all of them.
    """

    def __init__(
        self, port: int, photographs: Photographs, random: Random, *, clients: int, at_once: int
    ) -> None:
        self.seen = Seen()
        self.clients = [RawClient(port, f"127.0.1.{number + 1}") for number in range(clients)]
        self._photographs = photographs
        self._random = random
        self._at_once = at_once
        self._under_way = 0
        self._coming_back: set[asyncio.Task[None]] = set()

    async def closed(self, for_s: float, clients: int) -> None:
        """Upload from so many at once, each waiting for its variants before it sends again."""

        async def send(number: int) -> Reply:
            client = self.clients[number % len(self.clients)]
            return self._note(await client.ask(self._photographs.request(wait=True)))

        await closed_loop(send, _forget, numbers(None, for_s), clients=clients)

    async def open(self, for_s: float, rate: float) -> None:
        """Upload at this rate, whatever comes back."""

        async def send(_: int) -> Reply:
            if self._under_way >= self._at_once:
                self.seen.kept_away += 1
                return Reply("kept away", 0, 0)
            self._under_way += 1
            client = self._random.choice(self.clients)
            answer = await client.ask(self._photographs.request())
            self._under_way -= 1
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
                self._perhaps_return(client, answer)
            return self._note(answer)

        await open_loop(send, _forget, int(rate * for_s), rate=rate)

    async def all_returned(self, patience_s: float) -> None:
        """Wait for those that were told to come back, as far as they do within so many seconds."""
        if self._coming_back:
            await asyncio.wait(self._coming_back, timeout=patience_s)

    async def close(self) -> None:
        """Send nothing more."""
        for task in self._coming_back:
            task.cancel()
        await asyncio.gather(*self._coming_back, return_exceptions=True)
        self.hang_up()

    def hang_up(self) -> None:
        """Let go of all connections; others are made when they are needed."""
        for client in self.clients:
            client.close()

    def _note(self, answer: Answer) -> Reply:
        self.seen.answers.append(answer)
        return Reply(None, self._photographs.size_bytes, 0)

    def _perhaps_return(self, client: RawClient, answer: Answer) -> None:
        after_s = answer.fields.get("retry-after", "")
        if after_s.isdecimal() and self._random.randrange(_RETURNS) == 0:
            self._coming_back.add(asyncio.create_task(self._return(client, int(after_s))))

    async def _return(self, client: RawClient, after_s: int) -> None:
        await asyncio.sleep(after_s)
        self.seen.returned.append(await client.ask(self._photographs.request()))


async def latencies_s(client: RawClient, photographs: Photographs, jobs: int) -> list[float]:
    """How long each of so many jobs takes, one after the other, from its upload to its end."""
    taken = []
    for _ in range(jobs):
        answer = await client.ask(photographs.request(wait=True))
        if answer.status == HTTPStatus.OK:
            taken.append(answer.seconds)
    return taken


class Probe:
    """Asks for the health of a server from a process of its own, while a block runs."""

    def __init__(self, url: str, paths: Sequence[str]) -> None:
        self._program = (sys.executable, str(_PROBE), url, *paths)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._program, stdin=PIPE, stdout=PIPE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None, "it was started"
        assert self._process.stdin is not None, "it is a pipe"
        self._process.stdin.close()
        await self._process.wait()

    async def took_ms(self) -> dict[str, list[float]]:
        """How long each answer since the last call took, by path."""
        process = self._process
        assert process is not None, "it was started"
        assert process.stdin is not None, "it is a pipe"
        assert process.stdout is not None, "it is a pipe"
        process.stdin.write(b"\n")
        took: dict[str, list[float]] = json.loads(await process.stdout.readline())
        return took


def _variants(width_px: int) -> list[dict[str, Any]]:
    """What is wanted of a photograph of this width: as a page would show it, large and small."""
    return [
        {"name": "thumb", "resize": {"width": 96, "height": 96}},
        {"name": "large", "resize": {"width": width_px * 3 // 4}},
        {"name": "gray", "resize": {"width": width_px * 3 // 8}, "grayscale": True},
    ]


def _forget(_: Sample) -> None:
    """The answers say more."""
