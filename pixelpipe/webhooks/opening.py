"""Opens and closes the courier that a server sends its webhooks with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pixelpipe.jobs.ports import Outbox
from pixelpipe.outbound.dial import open_session
from pixelpipe.webhooks.courier import Courier
from pixelpipe.webhooks.signature import load_secrets


@asynccontextmanager
async def open_courier(
    outbox: Outbox,
    folder: Path,
    secrets: str | None,
    *,
    allow_private: bool,
    links_root: str = "",
) -> AsyncIterator[Courier]:
    """A courier at work on `outbox`.

    Args:
        outbox: What to send.
        folder: Where a secret is kept that nobody set.
        secrets: What to sign with, as the operator set it.
        allow_private: Whether it may connect to addresses that are not public.
        links_root: What the links in messages are below.

    Raises:
        SecretError: There is none to sign with.
    """
    keys = await asyncio.to_thread(load_secrets, secrets, folder)
    async with open_session(allow_private=allow_private) as session:
        courier = Courier(outbox, session, keys, links_root=links_root)
        courier.start()
        try:
            yield courier
        finally:
            await courier.close()
