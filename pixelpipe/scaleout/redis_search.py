"""Finds blobs that were stored and that no job came to refer to: a crash got in between."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

import structlog

from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.ports import SharedBlobs
from pixelpipe.scaleout import redis_sweeping
from pixelpipe.scaleout.redis_lead import Lead
from pixelpipe.scaleout.redis_server import RedisServer

_EVERY_S = 6 * 3600.0
_AGAIN_S = 60.0

_log = structlog.get_logger(__name__)


class Search:
    """Goes through all that is in the store, now and again, on the node that leads.

    Args:
        server: Where the journal is.
        lead: Who leads.
        blobs: The store.
    """

    def __init__(self, server: RedisServer, lead: Lead, blobs: SharedBlobs) -> None:
        self._server = server
        self._lead = lead
        self._blobs = blobs

    async def suspects(self) -> AsyncGenerator[Collection[str], None]:
        """Digests of what was stored a while ago and is unknown to the journal; for ever."""
        while True:
            again_s = _AGAIN_S
            if self._lead.held:
                try:
                    async with aclosing(self._pages()) as pages:
                        async for page in pages:
                            yield page
                    again_s = self._pause_s()
                except StorageFailedError as error:
                    _log.warning("blobs could not be looked through", error=str(error))
                except Exception:  # noqa: BLE001 - a defect; without us some stay for ever
                    _log.exception("blobs could not be looked through")
            await asyncio.sleep(again_s)

    def _pause_s(self) -> float:
        """Until the next time; who lost the lead meanwhile has not been through all of it."""
        return _EVERY_S if self._lead.held else _AGAIN_S

    async def _pages(self) -> AsyncGenerator[Collection[str], None]:
        async with aclosing(self._blobs.old()) as pages:
            async for page in pages:
                unknown = await redis_sweeping.unknown(self._server, page)
                if unknown:
                    _log.info("blobs were found that no job refers to", blobs=len(unknown))
                    yield unknown
                if not self._lead.held:
                    return
