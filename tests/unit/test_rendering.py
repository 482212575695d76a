"""Callers who come and go while work is shared."""

import asyncio

from pixelpipe.jobs.rendering import Renders
from pixelpipe.jobs.submission import Rendered
from tests.tasks import FACTS

RENDERED = Rendered(b"", FACTS, "", {})


async def test_who_comes_just_after_the_last_has_gone_is_not_refused() -> None:
    renders, go = Renders(), asyncio.Event()

    async def work() -> Rendered:
        await go.wait()
        return RENDERED

    first = asyncio.create_task(renders.render("", "key", work, lambda: None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)  # its work is told to stop, and has yet to
    if renders.running("", "key"):
        second = asyncio.create_task(renders.join("", "key"))
    else:
        second = asyncio.create_task(renders.render("", "key", work, lambda: None))
    go.set()

    assert (await second).facts == FACTS
    assert not renders.tasks
