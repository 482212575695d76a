"""Asks a server, left alone at last, for everything that it holds, and checks all of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from chaos_clients import Crowd, Followed
from chaos_outcome import Outcome
from chaos_verdict import (
    content_violations,
    digests_of,
    folder_violations,
    job_violations,
    listing_violations,
    replay_violations,
    stream_violations,
)
from event_stream import Event, read_events

_AT_ONCE = 8
_POLL_S = 0.2
_Each = TypeVar("_Each")


async def inspect(crowd: Crowd, data: Path | None, patience_s: float, outcome: Outcome) -> None:
    """Check everything that a server holds after a crowd has ended, and what the crowd has seen.

    Args:
        crowd: Its clients, and how to reach it.
        data: Its data folder, if what is in it is to be checked.
        patience_s: How long to wait for what comes about by itself.
        outcome: Gets the figures and the violations.

    Raises:
        aiohttp.ClientError: The server did not answer.
    """
    inspection = _Inspection(crowd, patience_s)
    await inspection.run(data)
    outcome.counts += crowd.counts + inspection.counts()
    outcome.violations += crowd.violations + inspection.violations


class _Inspection:
    """The checks of one inspection.

    Attributes:
        violations: What should not be, in plain words.
        jobs: All that the server lists.
    """

    def __init__(self, crowd: Crowd, patience_s: float) -> None:
        self.violations: list[str] = []
        self.jobs: list[dict[str, Any]] = []
        self._session = crowd.session
        self._crowd = crowd
        self._patience_s = patience_s

    async def run(self, data: Path | None) -> None:
        """Check all jobs, their variants, their events, the keys and the data folder."""
        await self._quiet()
        self.jobs = await self._listed("/api/jobs?limit=200")
        names = {job.id: job.upload.name for job in self._crowd.jobs.values()}
        self.violations += listing_violations(self.jobs, names)
        await self._each(self.jobs, self._inspect_job)
        await self._each(self._crowd.jobs.values(), self._inspect_stream)
        keyed = [job for job in self._crowd.jobs.values() if job.upload.key is not None]
        await self._each(keyed, lambda job: self._crowd.send_again(job.id, job.upload))
        if data is not None:
            await self._inspect_folder(data)

    def counts(self) -> Counter[str]:
        """What there is, and what it went through."""
        variants = [variant for job in self.jobs for variant in job["variants"]]
        return Counter(
            {
                "jobs": len(self.jobs),
                "variants": len(variants),
                "variants that were there already": sum(v["cache"] == "hit" for v in variants),
                "variants begun more than once": sum(v["attempts"] > 1 for v in variants),
                "most attempts at a variant": max((v["attempts"] for v in variants), default=0),
                "events": sum(len(job.events) for job in self._crowd.jobs.values()),
            }
        )

    async def _quiet(self) -> None:
        """Wait until no job is open: some were made of uploads whose answer was cut off."""
        deadline = time.monotonic() + self._patience_s
        while time.monotonic() < deadline:
            if not await self._listed("/api/jobs?state=queued,running"):
                return
            await asyncio.sleep(_POLL_S)

    async def _listed(self, url: str | None) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = []
        while url is not None:
            async with self._session.get(url, raise_for_status=True) as answer:
                page = await answer.json()
            jobs += page["jobs"]
            url = page["next"]
        return jobs

    async def _inspect_job(self, job: dict[str, Any]) -> None:
        self.violations += job_violations(job)
        for variant in job["variants"]:
            if variant["url"] is not None:
                content = await self._get(variant["url"])
                self.violations += content_violations(job["id"], variant, content)

    async def _inspect_stream(self, job: Followed) -> None:
        names = [variant["name"] for variant in job.upload.variants]
        self.violations += stream_violations(job.id, job.events, names)
        replayed: list[Event] = []
        async with self._session.get(f"/api/jobs/{job.id}/events") as answer:
            if answer.status == HTTPStatus.OK:
                replayed = [event async for event in read_events(answer.content)]
        self.violations += replay_violations(job.id, job.events, replayed)

    async def _inspect_folder(self, data: Path) -> None:
        """What nobody refers to goes by and by."""
        referenced = digests_of(self.jobs)
        deadline = time.monotonic() + self._patience_s
        while found := list(folder_violations(data, referenced)):
            if time.monotonic() > deadline:
                self.violations += found
                return
            await asyncio.sleep(_POLL_S)

    async def _get(self, url: str) -> bytes:
        async with self._session.get(url) as answer:
            if answer.status != HTTPStatus.OK:
                self.violations.append(f"{url} was answered {answer.status}")
            return await answer.read()

    async def _each(
        self, things: Iterable[_Each], inspect: Callable[[_Each], Awaitable[None]]
    ) -> None:
        """Inspect some at once."""
        todo = iter(things)

        async def inspector() -> None:
            for thing in todo:
                try:
                    await inspect(thing)
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.violations.append(f"the server that was left alone failed: {error!r}")

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(inspector())
