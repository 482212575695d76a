"""Kills a server at random moments, starts it again, and checks that no promise was broken."""

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from chaos_clients import Crowd
from chaos_inspection import inspect
from chaos_outcome import Outcome, Tell
from chaos_processes import existing, marked, segments, server_of, until
from chaos_verdict import journal_violations
from server_process import ServerStartError, running_server

GONE_S = 2.0

_SHORTEST_S, _LONGEST_S = 0.05, 1.5
# Every so manyth kill hits a server that is still starting.
_STARTING = 4
_STARTING_LONGEST_S = 1.0
# The large ones keep the workers busy, so that a kill finds jobs at every stage.
_WIDTHS_PX = (480, 1600)
_WINDOW = 12
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class ServerChaos:
    """What to do.

    Attributes:
        kills: How often to kill the server.
        clients: How many upload all the while.
        seed: Of what is random.
        patience_s: How long to wait at the end for what has to come about.
        mark: Of the server's processes.
    """

    kills: int
    clients: int
    seed: int
    patience_s: float
    mark: bytes


async def server_chaos(chaos: ServerChaos, tell: Tell) -> Outcome:
    """Kill a server again and again while clients use it, then inspect it.

    Raises:
        ServerStartError: It did not start, or not again.
    """
    schedule, choices = Random(chaos.seed), Random(chaos.seed)  # noqa: S311 - no secrets
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="pixelpipe-chaos-") as folder:
        data, port = Path(folder) / "data", free_port(schedule)
        place = ("--port", str(port), "--data", str(data))
        crowd = Crowd(f"http://127.0.0.1:{port}", choices, widths_px=_WIDTHS_PX, window=_WINDOW)
        crowd.begin(chaos.clients)
        try:
            await _kill_all(chaos, place, outcome, schedule, tell)
            tell("leaving the server alone")
            async with running_server(*place):
                lasted_s = await crowd.finish(chaos.patience_s)
                outcome.slowest_s["wait for the last job"] = lasted_s
                tell("inspecting it")
                await inspect(crowd, data, chaos.patience_s, outcome)
        finally:
            await crowd.close()
        outcome.violations += journal_violations(data / "journal.sqlite3")
    return outcome


def free_port(random: Random) -> int:
    """A port that nobody else takes while the server is away.

    It is not among those that the system gives to clients: one of ours that calls a port on which
    nobody listens, and is given that very port to call from, is connected to itself.

    Raises:
        ServerStartError: There is none.
    """
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerStartError("no port is free")


async def _kill_all(
    chaos: ServerChaos, place: tuple[str, ...], outcome: Outcome, random: Random, tell: Tell
) -> None:
    for number in range(1, chaos.kills + 1):
        tell(f"kill {number} of {chaos.kills}")
        if number % _STARTING == 0:
            after_s = random.uniform(0.0, _STARTING_LONGEST_S)
            await _kill_starting(chaos, place, outcome, after_s)
        else:
            after_s = random.uniform(_SHORTEST_S, _LONGEST_S)
            await _kill_serving(chaos, place, outcome, after_s)


async def _kill_serving(
    chaos: ServerChaos, place: tuple[str, ...], outcome: Outcome, after_s: float
) -> None:
    since = time.monotonic()
    async with running_server(*place) as server:
        outcome.took("start", since)
        await asyncio.sleep(after_s)
        await _kill(chaos, outcome, server.pid)
    outcome.counts["kills"] += 1


async def _kill_starting(
    chaos: ServerChaos, place: tuple[str, ...], outcome: Outcome, after_s: float
) -> None:
    """Kill the server so long after it was started, ready or not."""

    async def kill() -> bool:
        await until(lambda: server_of(marked(chaos.mark)) is not None, chaos.patience_s)
        await asyncio.sleep(after_s)
        server = server_of(marked(chaos.mark))
        if server is not None:
            await _kill(chaos, outcome, server)
        return server is not None

    killing = asyncio.create_task(kill())
    try:
        async with running_server(*place):
            await killing
    except ServerStartError:
        if not await killing:
            raise  # it ended by itself
        outcome.counts["kills during a start"] += 1
    outcome.counts["kills"] += 1


async def _kill(chaos: ServerChaos, outcome: Outcome, server: int) -> None:
    """Kill the server alone; nothing of it may be left soon after."""
    family = marked(chaos.mark)
    if server not in family:
        outcome.violations.append("the server ended before it was killed")
        return
    held = segments(family)
    since = time.monotonic()
    os.kill(server, signal.SIGKILL)
    await until(lambda: not (marked(chaos.mark) or existing(held)), GONE_S)
    outcome.took("until nothing was left of a killed server", since)
    outcome.violations += [
        f"{what} of a killed server is there {GONE_S:.0f} s later"
        for what in [
            *(f"process {pid}" for pid in sorted(marked(chaos.mark))),
            *map(str, sorted(existing(held))),
        ]
    ]
