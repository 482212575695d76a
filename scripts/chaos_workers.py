"""Kills a server's workers one after the other, and checks that nothing is lost or leaks."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from chaos_clients import Crowd
from chaos_inspection import inspect
from chaos_outcome import Outcome, Tell
from chaos_processes import marked, memory_bytes, open_descriptors, until, workers_of
from server_process import Server, running_server
from uploads import client_session

BACK_S = 5.0
MIB = 1024 * 1024
SLACK_BYTES = 64 * MIB

_SETTLE_S = 1.5
_WIDTHS_PX = (320,)
_WINDOW = 4


@dataclass(frozen=True, slots=True)
class WorkersChaos:
    """What to do.

    Attributes:
        for_s: For how long workers are killed.
        every_s: Seconds between two kills.
        warm_up_s: For how long the server works before what it holds is measured.
        clients: How many upload all the while.
        seed: Of what is random.
        patience_s: How long to wait at the end for the jobs.
        mark: Of the server's processes.
    """

    for_s: float
    every_s: float
    warm_up_s: float
    clients: int
    seed: int
    patience_s: float
    mark: bytes


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a server that has nothing to do holds."""

    processes: int
    descriptors: int
    memory_bytes: int

    def beyond(self, start: "Holdings") -> list[str]:
        """What is more, or less, than at the start and should not be, in plain words."""
        found = []
        if self.processes != start.processes:
            found.append(f"there are {self.processes} processes, not {start.processes}")
        if self.descriptors != start.descriptors:
            found.append(f"{self.descriptors} descriptors are open, not {start.descriptors}")
        if self.memory_bytes > start.memory_bytes + SLACK_BYTES:
            found.append(
                f"{self.memory_bytes} bytes of memory are held, {start.memory_bytes} at the start"
            )
        return found


async def workers_chaos(chaos: WorkersChaos, tell: Tell) -> Outcome:
    """Kill workers of a server under load, and see whether it is as before afterwards.

    Raises:
        ServerStartError: It did not start.
        aiohttp.ClientError: It did not answer.
    """
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="pixelpipe-chaos-") as folder:
        data = Path(folder) / "data"
        async with running_server("--data", str(data)) as server:
            choices = Random(chaos.seed)  # noqa: S311 - no secrets
            crowd = Crowd(server.url, choices, widths_px=_WIDTHS_PX, window=_WINDOW)
            try:
                tell("warming up")
                start = await _warm_up(server, crowd, chaos)
                tell("killing workers")
                await _kill_workers(server, crowd, chaos, outcome)
                tell("looking at what is left")
                await _compare(server, start, chaos, outcome)
                tell("inspecting the server")
                await inspect(crowd, data, chaos.patience_s, outcome)
            finally:
                await crowd.close()
    return outcome


async def _warm_up(server: Server, crowd: Crowd, chaos: WorkersChaos) -> Holdings:
    """Have the server work for a while; gives what it holds when it rests."""
    crowd.begin(chaos.clients)
    await asyncio.sleep(chaos.warm_up_s)
    await crowd.finish(chaos.patience_s)
    await crowd.hang_up()
    await asyncio.sleep(_SETTLE_S)
    return _holdings(server, chaos)


async def _kill_workers(
    server: Server, crowd: Crowd, chaos: WorkersChaos, outcome: Outcome
) -> None:
    """Kill some worker again and again while the crowd keeps all of them busy."""
    schedule = Random(chaos.seed)  # noqa: S311 - no secrets
    crowd.begin(chaos.clients)
    end = time.monotonic() + chaos.for_s
    while (now := time.monotonic()) < end:
        workers = workers_of(server.pid, marked(chaos.mark))
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(schedule.choice(workers), signal.SIGKILL)
                outcome.counts["workers killed"] += 1
        await asyncio.sleep(now + chaos.every_s - time.monotonic())
    outcome.slowest_s["wait for the last job"] = await crowd.finish(chaos.patience_s)
    await crowd.hang_up()


async def _compare(server: Server, start: Holdings, chaos: WorkersChaos, outcome: Outcome) -> None:
    """Everything has to be as it was soon after the last job has ended."""
    since = time.monotonic()
    await until(lambda: not _holdings(server, chaos).beyond(start), BACK_S)
    outcome.took("until all was as before", since)
    left = _holdings(server, chaos)
    outcome.violations += left.beyond(start)
    outcome.sizes["memory"] = f"{start.memory_bytes / MIB:.0f} -> {left.memory_bytes / MIB:.0f} MiB"
    outcome.sizes["processes"] = f"{start.processes} -> {left.processes}"
    outcome.sizes["descriptors"] = f"{start.descriptors} -> {left.descriptors}"
    async with client_session(server.url) as session, session.get("/readyz") as answer:
        ready = await answer.json()
    if ready["arena_leased_bytes"]:
        outcome.violations.append(f"{ready['arena_leased_bytes']} bytes of the arena are leased")


def _holdings(server: Server, chaos: WorkersChaos) -> Holdings:
    family = marked(chaos.mark)
    return Holdings(len(family), open_descriptors(server.pid), memory_bytes(family))
