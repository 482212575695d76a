"""The least that an HTTP server does with an upload: receives it, copies it, answers.

A program of its own, so that nothing else is in the process that is measured:

    python bare_server.py

It prints its port, serves POSTs of any path, answers with as many bytes as the query's `answer`
says, and ends when its standard input does.
"""

import asyncio
import sys

from aiohttp import web


async def _take(request: web.Request) -> web.Response:
    room = bytearray(request.content_length or 0)
    end = 0
    async for chunk in request.content.iter_any():
        room[end : end + len(chunk)] = chunk
        end += len(chunk)
    return web.Response(body=bytes(int(request.query["answer"])), content_type="application/json")


async def _serve() -> None:
    app = web.Application()
    app.router.add_post("/{path:.*}", _take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    ended = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ended), sys.stdin)
    await ended.read()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve())
