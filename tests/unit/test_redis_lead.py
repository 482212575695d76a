"""Who leads, and when it is told so."""

from typing import cast

import pytest

from pixelpipe.scaleout import redis_lead
from pixelpipe.scaleout.redis_lead import Lead
from pixelpipe.scaleout.redis_server import RedisServer
from tests.http_jobs import until


class Server:
    """Gives the lead to whoever asks."""

    async def run(self, *_: object) -> int:
        return 1


async def test_who_stood_still_is_told_once_more_that_it_leads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Meanwhile it did not know, and did nothing of what one does for all."""
    monkeypatch.setattr(redis_lead, "_RENEWED_S", 0.0)
    monkeypatch.setattr(redis_lead, "_HELD_MS", 0)
    lead = Lead(cast("RedisServer", Server()))
    told: list[bool] = []
    lead.on_gain = lambda: told.append(lead.held)
    lead.start()
    await until(lambda: len(told) > 1)
    await lead.close()
