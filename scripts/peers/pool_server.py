"""An HTTP service over a pool of processes that make variants with a library of Python's.

    python -m peers.pool_server pillow|vips [--workers N] [--port N]

It answers POST /jobs as `sharp/server.js` does: the image is the body, the variants are the header
`Variants`; names and sizes of what was made are the answer, or with ?files the files themselves.
"""

import argparse
import asyncio
import ctypes
import importlib
import json
import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from aiohttp import web

LIBRARIES = ("pillow", "vips")

_MAX_UPLOAD_BYTES = 256 * 1024 * 1024
_KEEP_ALIVE_S = 3600
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m peers.pool_server")
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    # Parallel are the jobs; threads within one would only contend.
    os.environ["VIPS_CONCURRENCY"] = "1"
    asyncio.run(_serve(options.library, options.workers, options.port))


async def _serve(library: str, workers: int, port: int) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare,
        initargs=(library, os.getpid()),
    ) as pool:
        runner = web.AppRunner(
            _application(pool, library), access_log=None, keepalive_timeout=_KEEP_ALIVE_S
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await stopped.wait()
        await runner.cleanup()


def _application(pool: ProcessPoolExecutor, library: str) -> web.Application:
    async def make(request: web.Request) -> web.Response:
        specs = json.loads(request.headers["Variants"])
        image = await request.read()
        loop = asyncio.get_running_loop()
        files = await loop.run_in_executor(pool, _make_variants, library, image, specs)
        return _answer(specs, files, whole="files" in request.query)

    app = web.Application(client_max_size=_MAX_UPLOAD_BYTES)
    app.router.add_post("/jobs", make)
    return app


def _answer(specs: list[dict[str, Any]], files: list[bytes], *, whole: bool) -> web.Response:
    made = json.dumps(
        [{"name": spec["name"], "bytes": len(f)} for spec, f in zip(specs, files, strict=True)]
    )
    if whole:
        return web.Response(body=b"".join(files), headers={"Variants": made})
    return web.Response(text=made, content_type="application/json")


def _prepare(library: str, server_pid: int) -> None:
    """In a new process of the pool: load the library, and end when the server ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server_pid:
        sys.exit()  # The server ended before that: the kernel has nothing left to tell.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    importlib.import_module(f"peers.{library}_variants")


def _make_variants(library: str, image: bytes, specs: list[dict[str, Any]]) -> list[bytes]:
    files: list[bytes] = sys.modules[f"peers.{library}_variants"].make_variants(image, specs)
    return files


if __name__ == "__main__":
    main()
