"""One picture for one or more callers: who listens to the engine, and who shares the work."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from pixelpipe.engine.work import Encoded, Nobody
from pixelpipe.errors import PixelPipeError, ShuttingDownError, WrongDigestError
from pixelpipe.jobs.poison import PoisonList
from pixelpipe.jobs.submission import Rendered


class RenderSink(Nobody):
    """Keeps the one output of a transform."""

    def __init__(self, sha256: str, poison: PoisonList) -> None:
        self.rendered: Rendered | None = None
        self.error: PixelPipeError | None = None
        self._decode_ms = 0.0
        self._source_sha256 = sha256
        self._poison = poison

    def decoded(self, decode_ms: float) -> None:
        """Note the time."""
        self._decode_ms = decode_ms

    async def task_made(self, index: int, encoded: Encoded) -> None:
        """Copy the bytes out of the arena, which they are about to leave.

        Raises:
            WrongDigestError: They are not those that the worker spoke of.
        """
        del index
        content = bytes(encoded.content)
        if await asyncio.to_thread(_sha256, content) != encoded.sha256:
            raise WrongDigestError("bytes that are not those of their digest")
        timings_ms = {
            "decode": self._decode_ms,
            "process": encoded.process_ms,
            "encode": encoded.encode_ms,
        }
        self.rendered = Rendered(content, encoded.facts, encoded.sha256, timings_ms)

    def task_failed(self, index: int, strikes: int, error: PixelPipeError) -> None:
        """Keep the reason."""
        del index, strikes
        self.error = error

    def decode_struck_out(self) -> None:
        """Remember the source."""
        self._poison.remember(self._source_sha256)


@dataclass(slots=True)
class _Shared:
    """Work that one or more callers wait for."""

    task: asyncio.Task[Rendered]
    callers: int = 0


class Renders:
    """Transforms that are under way; callers who want the same share one.

    Its work ends early only when the last of them has gone.
    """

    def __init__(self) -> None:
        self._shared: dict[tuple[str, str], _Shared] = {}

    @property
    def tasks(self) -> set[asyncio.Task[Rendered]]:
        """What runs."""
        return {shared.task for shared in self._shared.values()}

    def running(self, tenant: str, reuse_key: str) -> bool:
        """Whether the tenant has the same transform under way, for `join`."""
        return (tenant, reuse_key) in self._shared

    async def join(self, tenant: str, reuse_key: str) -> Rendered:
        """Wait for what is under way; raises as `render`."""
        return replace(
            await self._wait(tenant, reuse_key, self._shared[tenant, reuse_key]), shared=True
        )

    async def render(
        self,
        tenant: str,
        reuse_key: str,
        work: Callable[[], Awaitable[Rendered]],
        abandon: Callable[[], None],
    ) -> Rendered:
        """Do `work` for this caller and for all that join it meanwhile.

        Args:
            tenant: Whose.
            reuse_key: What stands for the work.
            work: The work; to be cancelled once nobody waits for it.
            abandon: Called instead if that was before it began.

        Raises:
            PixelPipeError: As `work` does.
            ShuttingDownError: The work was cancelled.
        """
        begun = False

        async def begin() -> Rendered:
            nonlocal begun
            begun = True
            return await work()

        def end(_: asyncio.Task[Rendered]) -> None:
            self._forget(tenant, reuse_key, shared)
            if not begun:
                abandon()

        shared = _Shared(asyncio.create_task(begin()))
        self._shared[tenant, reuse_key] = shared
        shared.task.add_done_callback(end)
        return await self._wait(tenant, reuse_key, shared)

    async def _wait(self, tenant: str, reuse_key: str, shared: _Shared) -> Rendered:
        shared.callers += 1
        try:
            await asyncio.wait({shared.task})
        finally:
            shared.callers -= 1
            if not shared.callers:
                # At once: who comes before it has ended must not join what is given up.
                self._forget(tenant, reuse_key, shared)
                shared.task.cancel()
        if shared.task.cancelled():
            raise ShuttingDownError("The server shut down before this was made.")
        return shared.task.result()

    def _forget(self, tenant: str, reuse_key: str, shared: _Shared) -> None:
        if self._shared.get((tenant, reuse_key)) is shared:
            del self._shared[tenant, reuse_key]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
