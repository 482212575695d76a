"""Transforms: one source, one spec, the bytes straight back, nothing stored."""

import asyncio
from dataclasses import replace
from functools import partial

from pixelpipe.engine.engine import Engine
from pixelpipe.engine.work import Order
from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.intake import Intake
from pixelpipe.jobs.rendering import Renders, RenderSink
from pixelpipe.jobs.reuse import reuse_key
from pixelpipe.jobs.stores import Stores
from pixelpipe.jobs.submission import Rendered, Submission
from pixelpipe.recipes.plan import Plan


class Transforms:
    """Makes one variant without a job; what the tenant has already, or is making, serves too."""

    def __init__(self, engine: Engine, stores: Stores, intake: Intake) -> None:
        self._engine = engine
        self._stores = stores
        self._intake = intake
        self._renders = Renders()

    @property
    def tasks(self) -> set[asyncio.Task[Rendered]]:
        """What runs."""
        return self._renders.tasks

    async def transform(self, submission: Submission) -> Rendered:
        """Make it; see `JobService.transform`."""
        _, planned = self._intake.inspect(submission)
        (wish,) = planned.wishes
        key = reuse_key(submission.upload.sha256, wish)
        rendered = await self._stored(submission.caller.tenant, key)
        if rendered is None:
            rendered = await self._rendered(submission, planned.plan, key)
        timings_ms = {"receive": submission.receive_ms, **rendered.timings_ms}
        return replace(rendered, timings_ms=timings_ms)

    async def _rendered(self, submission: Submission, planned: Plan, key: str) -> Rendered:
        """From the work that is under way for the same, or from work of its own."""
        caller = submission.caller
        if self._renders.running(caller.tenant, key):
            return await self._renders.join(caller.tenant, key)
        self._intake.check_open()
        self._intake.check_room(submission, planned)
        upload = submission.upload
        lease = upload.take_over()
        order = Order(
            "transform",
            planned,
            lease,
            upload.size_bytes,
            load=None,
            client=caller.client,
            check_source=partial(self._stores.poison.check, upload.sha256),
        )
        sink = RenderSink(upload.sha256, self._stores.poison)
        work = partial(self._work, order, sink)
        return await self._renders.render(caller.tenant, key, work, lease.release)

    async def _work(self, order: Order, sink: RenderSink) -> Rendered:
        await self._engine.run(order, sink)
        if sink.error is not None:
            raise sink.error
        assert sink.rendered is not None, "it is made, or there is an error"
        return sink.rendered

    async def _stored(self, tenant: str, key: str) -> Rendered | None:
        """A variant that one of the tenant's jobs has made, if it is there and whole."""
        found = await self._stores.journal.reusable(tenant, [key])
        blob = found.get(key)
        if blob is None or blob.facts is None:
            return None
        content = bytearray(blob.size_bytes)
        try:
            await self._stores.blobs.read_into(blob.sha256, memoryview(content))
        except StorageFailedError:
            return None  # It is made instead.
        return Rendered(bytes(content), blob.facts, blob.sha256, {}, shared=True)
