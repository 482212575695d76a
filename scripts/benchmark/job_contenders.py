"""Peers that answer `POST /jobs`: sharp, pyvips and Pillow."""

import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from itertools import accumulate, pairwise
from pathlib import Path

from benchmark import peer_places as places
from benchmark.errors import BenchError
from benchmark.peer_processes import listening_program
from benchmark.sets import VariantSet
from benchmark.steady_client import SteadyClient
from load import Reply
from raw_client import Answer

_SCRIPTS = Path(__file__).parents[1]
_DETAIL_CHARACTERS = 200


class JobContender:
    """A service that takes an image as the body and variants as a header.

    Args:
        name: The contender's.
        pid: The root of its process tree.
        client: Of it.
    """

    def __init__(self, name: str, pid: int, client: SteadyClient) -> None:
        self.name = name
        self.pid = pid
        self._client = client

    async def send(self, image: bytes, asked: VariantSet) -> Reply:
        """Have all variants made, which stay there."""
        answer = await self._client.ask(_request("/jobs", image, asked))
        if answer.status != HTTPStatus.OK:
            return Reply(_failure(answer), len(image), 0, _said(answer))
        made = sum(variant["bytes"] for variant in json.loads(answer.body))
        return Reply(None, len(image), made)

    async def outputs(self, image: bytes, asked: VariantSet) -> dict[str, bytes]:
        """Have all variants made and sent back.

        Raises:
            BenchError: They were not made.
        """
        answer = await self._client.ask(_request("/jobs?files", image, asked))
        if answer.status != HTTPStatus.OK:
            raise BenchError(f"{self.name}, {asked.name}: {_failure(answer)} {_said(answer)}")
        made = json.loads(answer.fields["variants"])
        ends = accumulate((variant["bytes"] for variant in made), initial=0)
        files = (answer.body[first:end] for first, end in pairwise(ends))
        return {variant["name"]: file for variant, file in zip(made, files, strict=True)}


def _request(path: str, image: bytes, asked: VariantSet) -> list[bytes]:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        f"Variants: {asked.json}\r\nContent-Length: {len(image)}\r\n\r\n"
    )
    return [head.encode(), image]


def _failure(answer: Answer) -> str:
    return "the connection broke" if answer.broken else str(answer.status)


def _said(answer: Answer) -> str:
    return answer.body.decode(errors="replace")[:_DETAIL_CHARACTERS]


@contextlib.asynccontextmanager
async def running_jobs(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str]
) -> AsyncIterator[JobContender]:
    """Start a program that answers `POST /jobs` and says where; kill it when the block ends.

    Raises:
        BenchError: It did not start.
    """
    async with listening_program(name, command, environment) as program:
        client = SteadyClient(program.port)
        with contextlib.closing(client):
            yield JobContender(name, program.pid, client)


def running_sharp(
    mode: str, *, workers: int
) -> contextlib.AbstractAsyncContextManager[JobContender]:
    """Start the sharp server: one process with so many worker threads.

    Args:
        mode: `each` or `once`.
        workers: Its threads.
    """
    environment = {
        "MODE": mode,
        "PROCS": "1",
        "THREADS": str(workers),
        "PORT": "0",
        "NODE_PATH": str(places.NODE_MODULES),
    }
    command = [places.node(), _SCRIPTS / "peers" / "sharp" / "server.js"]
    return running_jobs(f"sharp-{mode}", command, environment)


def running_pool(
    name: str, *, workers: int, python: str | Path = sys.executable
) -> contextlib.AbstractAsyncContextManager[JobContender]:
    """Start a pool of processes that use a library of Python's.

    Args:
        name: `pyvips` or `pillow`.
        workers: Its processes.
        python: An interpreter that has the library.
    """
    library = {"pyvips": "vips", "pillow": "pillow"}[name]
    command = [python, "-m", "peers.pool_server", library, "--workers", str(workers)]
    path = os.pathsep.join(filter(None, [str(_SCRIPTS), os.environ.get("PYTHONPATH")]))
    return running_jobs(name, command, {"PYTHONPATH": path})
