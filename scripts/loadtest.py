"""Loads a running server and reports latency, throughput and errors."""

import argparse
import asyncio
import dataclasses
import json
import math
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from argument_types import amount, count, writable_file
from load import Reply, Sample, Send, closed_loop, numbers, open_loop
from load_report import Latency, Report, summarize
from photograph import draw_photograph, is_jpeg, with_comment
from uploads import ROUTES, client_session, upload

DRAWN_WIDTH_PX, DRAWN_HEIGHT_PX = 2400, 1600
LOCAL_HOSTS = {"127.0.0.1", "::1", "localhost"}
TRANSFORM_SPEC = {"name": "hero", "resize": {"width": 1200, "height": 630}}

console = Console(stderr=True)


def main() -> int:
    """Run the load test.

    Returns:
        The exit code: 0 when every request succeeded.
    """
    options = _parse_arguments()
    images = _images(options)
    try:
        report = asyncio.run(_load(options, images))
    except aiohttp.ClientError:
        sys.exit(f"scripts/loadtest: cannot connect to {options.url}")
    except KeyboardInterrupt:
        return 130
    tell(report, Console())
    if options.json is not None:
        options.json.write_text(json.dumps(dataclasses.asdict(report), indent=2) + "\n")
    return 1 if report.errors or not report.jobs else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/loadtest", description=__doc__)
    parser.add_argument("url", help="address of the server, such as http://127.0.0.1:3000")
    add = parser.add_argument
    add("images", nargs="*", default=[], type=Path, help="sent in turn; default: one is drawn")
    load = parser.add_mutually_exclusive_group()
    load.add_argument(
        "--concurrency", "-c", type=count, default=4, metavar="N", help="closed loop: clients"
    )
    load.add_argument("--rate", "-r", type=amount, metavar="N", help="open loop: requests a second")
    end = parser.add_mutually_exclusive_group()
    end.add_argument(
        "--jobs", "-n", type=count, metavar="N", help="stop after so many requests (default 100)"
    )
    end.add_argument(
        "--duration", "-d", type=amount, metavar="S", help="stop sending after so many seconds"
    )
    parser.add_argument("--route", choices=ROUTES, default="jobs")
    parser.add_argument("--preset", default="social", help="for the route jobs (default social)")
    parser.add_argument("--same", action="store_true", help="send the very same bytes each time")
    parser.add_argument(
        "--json", type=writable_file, metavar="FILE", help="write the report there as well"
    )
    parser.add_argument("--key", help="API key, where the server asks for one")
    parser.add_argument("--allow-remote", action="store_true", help="load another machine")
    # Images may stand behind options too: plain parsing has given up on them by then.
    options = parser.parse_intermixed_args()
    address = urlsplit(options.url)
    host = address.hostname
    if host is None or address.path.strip("/"):
        parser.error("the address has to look like http://127.0.0.1:3000")
    if host not in LOCAL_HOSTS and not options.allow_remote:
        parser.error(f"{host} is not this machine; --allow-remote if its owner knows of this")
    if options.jobs is None and options.duration is None:
        options.jobs = 100
    return options


def _images(options: argparse.Namespace) -> list[bytes]:
    try:
        images = [path.read_bytes() for path in options.images]
    except OSError as error:
        sys.exit(f"scripts/loadtest: cannot read {error.filename}: {error.strerror}")
    if not options.same and not all(map(is_jpeg, images)):
        console.print("Only JPEG uploads are made to differ; the others are sent as they are.")
    return images or [draw_photograph(DRAWN_WIDTH_PX, DRAWN_HEIGHT_PX)]


async def _load(options: argparse.Namespace, images: list[bytes]) -> Report:
    """Load the server.

    Raises:
        aiohttp.ClientError: There is none.
    """
    async with client_session(options.url, options.key) as client:
        await (await client.get("/healthz")).read()
        start = time.perf_counter()
        samples = await _samples(options, _sender(client, options, images))
        return summarize(samples, time.perf_counter() - start)


async def _samples(options: argparse.Namespace, send: Send) -> list[Sample]:
    """Send all requests, with a bar that shows how many, or how much of the time."""
    samples: list[Sample] = []
    start = time.perf_counter()
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("requests", total=options.jobs or options.duration)

        def record(sample: Sample) -> None:
            samples.append(sample)
            done = len(samples) if options.jobs else time.perf_counter() - start
            progress.update(bar, completed=done)

        if options.rate is not None:
            jobs = options.jobs or math.ceil(options.rate * options.duration)
            await open_loop(send, record, jobs, rate=options.rate)
        else:
            work = numbers(options.jobs, options.duration)
            await closed_loop(send, record, work, clients=options.concurrency)
    return samples


def _sender(
    client: aiohttp.ClientSession, options: argparse.Namespace, images: list[bytes]
) -> Send:
    """What sends request number n: the images in turn, each time with other bytes."""
    run = uuid.uuid4().hex
    fields = {
        "jobs": {"preset": options.preset},
        "transform": {"spec": json.dumps(TRANSFORM_SPEC)},
        "files": {},
    }[options.route]

    async def send(number: int) -> Reply:
        image = images[number % len(images)]
        if not options.same and is_jpeg(image):
            image = with_comment(image, f"{run} {number}")
        return await upload(client, ROUTES[options.route], image, fields)

    return send


def tell(report: Report, console: Console) -> None:
    """Print the figures of a load, and below them the reasons of what failed."""
    console.print(_table(report))
    for error, detail in report.details.items():
        console.print(f"{error}: {detail}", markup=False, highlight=False, soft_wrap=True)


def _table(report: Report) -> Table:
    table = Table(title=f"{report.jobs} requests in {report.seconds:.1f} s", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_row("succeeded per second", f"{report.jobs_per_s:.2f}")
    for field in dataclasses.fields(Latency):
        value_ms = getattr(report.latency_ms, field.name, None)
        cell = "-" if value_ms is None else f"{value_ms:.1f} ms"
        table.add_row(f"latency {field.name}", cell)
    table.add_row("sent", f"{report.sent_bytes:,} bytes")
    table.add_row("made", f"{report.received_bytes:,} bytes")
    for error, times in report.errors.items():
        table.add_row(f"[red]failed: {escape(error)}[/]", str(times))
    return table


if __name__ == "__main__":
    sys.exit(main())
