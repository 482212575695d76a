"""Offers a server several times more than it can do, and checks that it does all that it can.

First a closed loop finds its peak: clients that wait for one job before they send the next. Then
many times as many uploads a second come in an open loop, whatever is answered, while a polite
client sends one at a time and a probe asks for the server's health.
"""

import asyncio
import json
import os
import tempfile
import time
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Any
from urllib.parse import urlsplit

from chaos_outcome import Outcome, Tell
from chaos_overload_verdict import (
    Bounds,
    answer_violations,
    goodput_per_s,
    goodput_violations,
    health_violations,
    refusal,
    refusal_violations,
    requests,
    work_violations,
)
from chaos_processes import marked, memory_bytes, open_descriptors, until
from chaos_workers import BACK_S, MIB, Holdings
from load_report import percentile
from overload_load import Mob, Photographs, Probe, latencies_s
from pixelpipe.engine.machine import available_cpus
from process_tree import CpuTime, cpu_time
from raw_client import Answer, RawClient
from server_process import Server, running_server

_SETTLE_S = 1.5
_QUIET_JOBS = 10
# Fewer than these say nothing of who waits longer.
_COMPARED_JOBS = 20
_WARM_UP_S = 0.5
_AT_ONCE_CLOSED = 8
_POLITE, _WATCHER = "127.0.2.1", "127.0.2.2"
_PAUSE_S = 0.1
# A job counts as quick again when it takes at most so many times as long as by itself.
_QUICK_TIMES, _QUICK_SLACK_S = 2.0, 0.02
_NICENESS = 5
# Each of the arena's two parts keeps so much of what it had use for.
_KEPT_BYTES = 2 * 64 * MIB
_ACCEPTED = HTTPStatus.ACCEPTED
_HEALTH = ("/healthz", "/readyz")


@dataclass(frozen=True, slots=True)
class OverloadChaos:
    """What to do.

    Attributes:
        for_s: How long the overload lasts; before and after it, the peak is looked for for a
            quarter of that.
        times: How many times the peak is offered.
        clients: How many send it, each at an address of its own.
        at_once: How many uploads are under way at most.
        width_px: Of the photographs.
        seed: Of what is random.
        patience_s: How long to wait for what has to come about.
        bounds: What must hold.
        mark: Of the server's processes.
    """

    for_s: float
    times: float
    clients: int
    at_once: int
    width_px: int
    seed: int
    patience_s: float
    bounds: Bounds
    mark: bytes


async def overload_chaos(chaos: OverloadChaos, tell: Tell) -> Outcome:
    """Overload a server, and see what it did and whether it is as before afterwards.

    Raises:
        ServerStartError: It did not start.
    """
    with tempfile.TemporaryDirectory(prefix="pixelpipe-chaos-") as folder:
        log = Path(folder) / "log"
        place = ("--data", str(Path(folder) / "data"))
        async with running_server(*place, log=log) as server, Probe(server.url, _HEALTH) as probe:
            os.nice(_NICENESS)  # what was started so far is not meant
            run = _Run(server, probe, chaos, tell)
            try:
                await run.all(log)
            finally:
                await run.close()
    return run.outcome


@dataclass(slots=True)
class _Polite:
    """A client that sends one photograph at a time, and never too many."""

    quiet_s: list[float] = field(default_factory=list)
    overloaded_s: list[float] = field(default_factory=list)
    refused: int = 0


class _Run:
    """One run over one server."""

    def __init__(self, server: Server, probe: Probe, chaos: OverloadChaos, tell: Tell) -> None:
        self.outcome = Outcome()
        self._server, self._probe, self._chaos, self._tell = server, probe, chaos, tell
        port = urlsplit(server.url).port
        assert port is not None, "its URL has one"
        self._photographs = Photographs(chaos.width_px, chaos.seed)
        self._mob = Mob(
            port,
            self._photographs,
            Random(chaos.seed),  # noqa: S311 - no secret
            clients=chaos.clients,
            at_once=chaos.at_once,
        )
        self._polite_client = RawClient(port, _POLITE)
        self._watcher = RawClient(port, _WATCHER)
        self._polite = _Polite()
        self._left = 1.0

    async def close(self) -> None:
        """Hang up."""
        await self._mob.close()
        self._polite_client.close()
        self._watcher.close()

    async def all(self, log: Path) -> None:
        """Everything, one after the other."""
        chaos, outcome = self._chaos, self.outcome
        self._tell("measuring the peak")
        self._polite.quiet_s = await self._latencies(_QUIET_JOBS)
        await self._mob.closed(_WARM_UP_S, _AT_ONCE_CLOSED)
        peak = await self._peak("before")
        self._hang_up()
        await asyncio.sleep(_SETTLE_S)
        start = self._holdings()
        await self._probe.took_ms()
        self._tell(f"offering {chaos.times:g} times {peak:.1f} jobs a second")
        overloaded = await self._overload(peak)
        took_ms = await self._probe.took_ms()
        self._tell("waiting until it is as before")
        await self._recover()
        await self._mob.all_returned(chaos.patience_s / 2)
        # Whatever else the machine does has its peaks, too.
        peaks = [peak, await self._peak("after")]
        jobs = await self._ended_jobs()
        self._judge_goodput(jobs, peaks, overloaded)
        outcome.violations += health_violations(took_ms, chaos.bounds)
        for path, values in took_ms.items():
            outcome.sizes[f"{path} p50, p99, longest"] = _spread_ms(values)
        self._judge_answers(jobs)
        self._judge_fairness(jobs)
        self._judge_log(log)
        await self._compare(start)

    async def _peak(self, when: str) -> float:
        """Jobs a second that are done when nobody sends more than it can do."""
        began, used = time.time(), self._used()
        await self._mob.closed(self._chaos.for_s / 4, _AT_ONCE_CLOSED)
        ended = time.time()
        self._show_used(f"at its peak {when}", used, ended - began)
        return goodput_per_s(await self._jobs(), began, ended)

    async def _latencies(self, jobs: int) -> list[float]:
        return await latencies_s(self._polite_client, self._photographs, jobs)

    async def _overload(self, peak: float) -> tuple[float, float]:
        """Offer too much; gives from when to when."""
        chaos = self._chaos
        began, used = time.time(), self._used()
        polite = asyncio.create_task(self._be_polite())
        await self._mob.open(chaos.for_s, chaos.times * peak)
        ended = time.time()
        load = self._show_used("under the overload", used, ended - began)
        self._left = 1 - load / available_cpus()
        polite.cancel()
        await asyncio.gather(polite, return_exceptions=True)
        return began, ended

    def _used(self) -> tuple[CpuTime, float]:
        """CPU time of the server and its workers, and of the load, in seconds."""
        own = os.times()
        return cpu_time(self._server.pid), own.user + own.system

    def _show_used(self, when: str, before: tuple[CpuTime, float], lasted_s: float) -> float:
        """Show the CPU time since then; gives how many cores the load kept busy."""
        server, load = self._used()
        took = server - before[0]
        taken_s = (took.root_s, took.tree_s - took.root_s, load - before[1])
        cores = [each_s / lasted_s for each_s in taken_s]
        text = " + ".join(f"{share:.0%}" for share in cores)
        self.outcome.sizes[f"CPU of server, workers, load {when}"] = text
        return cores[-1]

    async def _be_polite(self) -> None:
        while True:
            answer = await self._polite_client.ask(self._photographs.request(wait=True))
            if answer.status == HTTPStatus.OK:
                self._polite.overloaded_s.append(answer.seconds)
            else:
                self._polite.refused += 1
            await asyncio.sleep(_PAUSE_S)

    async def _recover(self) -> None:
        """Send one job at a time, from a client of the mob, until it is quick."""
        chaos, outcome = self._chaos, self.outcome
        quick_s = median(self._polite.quiet_s) * _QUICK_TIMES + _QUICK_SLACK_S
        since = time.monotonic()
        (client, *_) = self._mob.clients
        while time.monotonic() - since < chaos.patience_s:
            answer = await client.ask(self._photographs.request(wait=True))
            if answer.status == HTTPStatus.OK and answer.seconds <= quick_s:
                break
            await asyncio.sleep(0 if answer.status == HTTPStatus.OK else _PAUSE_S)
        outcome.took("until a job was quick again", since)
        if outcome.slowest_s["until a job was quick again"] > chaos.bounds.recovery_s:
            outcome.violations.append(
                f"no job was made within {quick_s:.2f} s for more than "
                f"{chaos.bounds.recovery_s:.0f} s after the load had ended"
            )

    async def _ended_jobs(self) -> list[dict[str, Any]]:
        """All jobs, once none is open."""
        deadline = time.monotonic() + self._chaos.patience_s
        while time.monotonic() < deadline:
            if not await self._jobs("&state=queued,running"):
                break
            await asyncio.sleep(_PAUSE_S)
        return await self._jobs()

    async def _jobs(self, which: str = "") -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = []
        path: str | None = f"/api/jobs?limit=200{which}"
        while path is not None:
            page = json.loads((await self._watcher.get(path)).body)
            jobs += page["jobs"]
            path = page["next"]
        return jobs

    def _judge_goodput(
        self, jobs: list[dict[str, Any]], peaks: list[float], overloaded: tuple[float, float]
    ) -> None:
        outcome = self.outcome
        goodput, peak = goodput_per_s(jobs, *overloaded), mean(peaks)
        outcome.sizes["peak before and after"] = " and ".join(f"{each:.1f}" for each in peaks)
        outcome.sizes["goodput under the overload"] = f"{goodput:.1f} jobs/s, {goodput / peak:.0%}"
        outcome.violations += goodput_violations(peak, goodput, self._left, self._chaos.bounds)

    def _judge_answers(self, jobs: list[dict[str, Any]]) -> None:
        """What clients were told, and whether it was so."""
        outcome, seen = self.outcome, self._mob.seen
        answers = [*seen.answers, *seen.returned]
        accepted = [_job_id(answer) for answer in answers if "location" in answer.fields]
        refused = [a for a in seen.answers if a.status == HTTPStatus.SERVICE_UNAVAILABLE]
        outcome.counts["uploads"] = len(answers)
        outcome.counts["uploads not sent, too many under way"] = seen.kept_away
        outcome.counts["accepted"] = len(accepted)
        outcome.counts["refused"] = len(refused)
        outcome.counts["jobs"] = len(jobs)
        outcome.counts["came back as told"] = len(seen.returned)
        outcome.counts["of these accepted"] = sum("location" in a.fields for a in seen.returned)
        outcome.violations += answer_violations(answers)
        outcome.violations += work_violations(jobs, accepted)
        waits_s = [int(answer.fields.get("retry-after", 0)) for answer in refused]
        if waits_s:
            outcome.sizes["Retry-After p50, longest"] = f"{median(waits_s):.0f}, {max(waits_s)} s"
        else:
            outcome.violations.append("nothing was refused: that was no overload")

    def _judge_fairness(self, jobs: list[dict[str, Any]]) -> None:
        """Who sends one at a time is not to wait as long as those who send too many."""
        outcome, polite = self.outcome, self._polite
        own = {_job_id(answer) for answer in self._mob.seen.answers if answer.status == _ACCEPTED}
        theirs_ms = [job["timings_ms"]["total"] for job in jobs if job["id"] in own]
        polite_ms = _ms(polite.overloaded_s)
        outcome.sizes["polite client by itself"] = _spread_ms(_ms(polite.quiet_s))
        outcome.sizes["polite client beside the others"] = _spread_ms(polite_ms)
        outcome.sizes["jobs of the others"] = _spread_ms(theirs_ms)
        if polite.refused:
            outcome.violations.append(f"a polite client was refused {polite.refused} times")
        enough = min(len(polite_ms), len(theirs_ms)) >= _COMPARED_JOBS
        if enough and median(polite_ms) > median(theirs_ms):
            outcome.violations.append("a polite client waited longer than those who flooded")

    def _judge_log(self, log: Path) -> None:
        lines = requests(log)
        refusals_ms = [request.ms for request in lines if refusal(request)]
        if refusals_ms:
            self.outcome.sizes["refusals p50, p99, longest"] = _spread_ms(refusals_ms)
        self.outcome.violations += refusal_violations(lines, self._chaos.bounds)

    async def _compare(self, start: Holdings) -> None:
        """Everything has to be as it was."""
        outcome = self.outcome
        self._hang_up()
        most = replace(start, memory_bytes=start.memory_bytes + _KEPT_BYTES)
        await until(lambda: not self._holdings().beyond(most), BACK_S)
        left = self._holdings()
        outcome.violations += left.beyond(most)
        leased = json.loads((await self._watcher.get("/readyz")).body)["arena_leased_bytes"]
        if leased:
            outcome.violations.append(f"{leased} bytes of the arena are leased")
        outcome.sizes["memory"] = (
            f"{start.memory_bytes / MIB:.0f} -> {left.memory_bytes / MIB:.0f} MiB"
        )

    def _hang_up(self) -> None:
        self._mob.hang_up()
        self._polite_client.close()

    def _holdings(self) -> Holdings:
        family = marked(self._chaos.mark)
        return Holdings(len(family), open_descriptors(self._server.pid), memory_bytes(family))


def _job_id(answer: Answer) -> str:
    return answer.fields["location"].rpartition("/")[2]


def _ms(values_s: list[float]) -> list[float]:
    return [1000 * value for value in values_s]


def _spread_ms(values: list[float]) -> str:
    if not values:
        return "none"
    p50, p99, longest = (percentile(values, percent) for percent in (50, 99, 100))
    return f"{p50:.1f}, {p99:.1f}, {longest:.1f} ms"
