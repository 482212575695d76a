"""Shows PixelPipe at work: one photograph up, every event as it comes, every variant down."""

import argparse
import asyncio
import contextlib
import io
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from event_stream import Event, read_events
from photograph import draw_photograph
from pixelpipe.formats.registry import FORMATS, Format
from server_process import ServerStartError, running_server

OUT = Path("out")
PRESET = "social"
DRAWN_WIDTH_PX, DRAWN_HEIGHT_PX = 3000, 2000
INTERRUPTED = 130

console = Console(highlight=False, soft_wrap=True, emoji=False)

Json = dict[str, Any]


class DemoError(Exception):
    """The demo cannot go on; the message is for the person who started it."""


def main() -> int:
    """Run the demo.

    Returns:
        The exit code: 0 when every variant was made.
    """
    arguments = _parse_arguments()
    once = arguments.once or not (sys.stdin.isatty() and sys.stdout.isatty())
    try:
        with _writing(OUT):
            OUT.mkdir(exist_ok=True)
        name, photograph = photograph_of(arguments.photo)
        return asyncio.run(_show(name, photograph, once=once))
    except (DemoError, ServerStartError, aiohttp.ClientError, OSError) as error:
        print(f"scripts/demo: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("photo", nargs="?", type=Path, help="a photograph; default: one is drawn")
    parser.add_argument("--once", action="store_true", help="stop after the table")
    return parser.parse_args()


def photograph_of(path: Path | None) -> tuple[str, bytes]:
    """The name and the bytes of what to upload; without a path, one is drawn.

    Raises:
        DemoError: It cannot be read.
    """
    if path is None:
        return "drawn.jpg", draw_photograph(DRAWN_WIDTH_PX, DRAWN_HEIGHT_PX)
    # A line end may stand in a file name, and bytes that are no text; in a form neither may.
    name = "".join(each if each.isprintable() else "?" for each in path.name)
    try:
        return name, path.read_bytes()
    except OSError as error:
        raise DemoError(f"cannot read {path}: {error.strerror}") from None


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what keeps a block from writing there into a sentence."""
    try:
        yield
    except OSError as error:
        raise DemoError(f"cannot write {path}: {error.strerror}") from None


async def _show(name: str, photograph: bytes, *, once: bool) -> int:
    async with running_server() as server, open_session(server.url) as session:
        console.print(f"[bold]{escape(name)}[/] ({len(photograph):,} bytes) to {server.url}")
        job = await upload(session, name, photograph)
        job = await _follow(session, job)
        made = await _download(session, job)
        console.print(table_of(job, made))
        if not once:
            await _serve_on(server.url)
    return 0 if len(made) == len(job["variants"]) else 1


def open_session(url: str) -> aiohttp.ClientSession:
    """A client without a time limit: an event stream lasts as long as its job."""
    return aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=None, sock_connect=5))


async def upload(session: aiohttp.ClientSession, name: str, photograph: bytes) -> Json:
    """Have the variants made; the job as it is accepted.

    Raises:
        DemoError: It was refused.
    """
    # Names go as they are, in UTF-8, as browsers send them; quoted ones would be shown quoted.
    form = aiohttp.FormData({"preset": PRESET}, quote_fields=False)
    form.add_field("file", io.BytesIO(photograph), filename=name)
    async with session.post("/api/jobs", data=form) as response:
        answer: Json = await response.json(content_type=None)
        if not response.ok:
            raise DemoError(f"{name} was refused: {answer['detail']}")
        return answer


async def _follow(session: aiohttp.ClientSession, job: Json) -> Json:
    """Print each event until the stream ends; the job as it then is."""
    start = time.perf_counter()
    async with session.get(job["links"]["events"]) as stream:
        async for event in read_events(stream.content):
            elapsed_ms = (time.perf_counter() - start) * 1000
            console.print(f"{elapsed_ms:7.0f} ms  {event.name:<18} {_description(event)}")
    async with session.get(job["links"]["self"]) as response:
        finished: Json = await response.json()
    if finished["state"] == "failed":
        reasons = {failure["detail"] for failure in finished["failures"]}
        raise DemoError(f"no variant could be made: {' '.join(sorted(reasons))}")
    return finished


def _description(event: Event) -> str:
    """What is worth a glance in the data of an event: of a variant, or of the whole job."""
    if event.name.startswith("job."):
        return f"[dim]{event.data['id']}[/]"
    name = escape(event.data["name"])
    if event.name == "variant.completed":
        return f"[green]{name}[/] {size_of(event.data)}, {event.data['bytes']:,} bytes"
    if event.name == "variant.failed":
        return f"[red]{name}[/] {escape(event.data['error']['title'])}"
    return name


async def _download(session: aiohttp.ClientSession, job: Json) -> dict[str, Path]:
    """Write every variant that was made to a file; the files by the names of their variants."""
    made = {}
    for variant in job["variants"]:
        if variant["state"] != "completed":
            continue
        path = OUT / (variant["name"] + FORMATS[Format(variant["format"])].extension)
        async with session.get(variant["url"], raise_for_status=True) as response:
            content = await response.read()
        with _writing(path):
            path.write_bytes(content)
        made[variant["name"]] = path
    return made


def table_of(job: Json, made: dict[str, Path]) -> Table:
    """A row for each variant of a job, with the file of those that were made."""
    source = job["source"]
    title = escape(f"{source['name']}, {size_of(source)}: {job['state']}")
    # Narrow, so that the names of the files fit into 80 columns.
    table = Table(title=title, box=box.SIMPLE, show_edge=False, padding=(0, 1, 0, 0))
    for heading in ("variant", "size", "bytes", "ms", "file"):
        right = heading in {"size", "bytes", "ms"}
        table.add_column(heading, justify="right" if right else "left")
    for variant in job["variants"]:
        name = variant["name"]
        if name in made:
            duration_ms = f"{sum(variant['timings_ms'].values()):.0f}"
            size = f"{'[dim]reduced[/] ' * variant['reduced']}{size_of(variant)}"
            cells = (size, f"{variant['bytes']:,}", duration_ms, escape(str(made[name])))
        else:
            cells = ("", "", "", f"[red]{variant['state']}[/]")
        table.add_row(escape(name), *cells)
    return table


def size_of(picture: Json) -> str:
    """How large a source or a variant is."""
    return f"{picture['width']}x{picture['height']}"


async def _serve_on(url: str) -> None:
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    console.print(f"The page is at [bold]{url}/[/]; Ctrl-C ends it.")
    await interrupted.wait()


if __name__ == "__main__":
    sys.exit(main())
