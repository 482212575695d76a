"""The command line: what the options mean. Each command imports its work when it runs."""

# ruff: noqa: PLC0415 - `--help` and `--version` stay quick, `process` does without aiohttp

import asyncio
import contextlib
import multiprocessing
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pixelpipe import __version__, cli_config, cli_keys
from pixelpipe.cli_ends import BAD_USE, FAILED, INTERRUPTED, end, settings_of

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from pixelpipe.config import Settings
    from pixelpipe.neighbours import Place
    from pixelpipe.recipes.presets import Presets
    from pixelpipe.recipes.spec import Spec

T = TypeVar("T")

app = typer.Typer(
    help="One upload, one decode, every variant, live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_keys.app, name="keys")
app.command("config")(cli_config.show)

Workers = Annotated[
    int | None, typer.Option(help="Worker processes; default: the CPUs that may be used.")
]
PresetsFile = Annotated[
    Path | None, typer.Option("--presets", help="TOML file of further presets.", metavar="FILE")
]


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's way to call it
    if wanted:
        typer.echo(f"pixelpipe {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """One upload, one decode, every variant, live."""


@app.command()
def serve(  # noqa: PLR0913 - each is an option of the command
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes any free one.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for the journal and the blobs.", metavar="DIR")
    ] = None,
    workers: Workers = None,
    processes: Annotated[
        int | None, typer.Option(help="Server processes on the port; each has a part of the rest.")
    ] = None,
    *,
    work: Annotated[
        bool, typer.Option(help="Take jobs from the queue, too, where there is one.")
    ] = True,
    presets: PresetsFile = None,
) -> None:
    """Serve the API and the page until SIGINT or SIGTERM."""
    settings = settings_of(
        host=host,
        port=port,
        data_dir=data,
        workers=workers,
        processes=processes,
        presets_file=presets,
    )
    if settings.processes > 1:
        _supervise(settings)
        return
    if settings.redis and work:
        _serve_and_work(settings)
        return
    from pixelpipe.logs import configure_logs
    from pixelpipe.server.run import serve as run

    configure_logs(settings.log_level)
    _serve(run(settings))


@app.command()
def work(
    workers: Workers = None,
    presets: PresetsFile = None,
    health: Annotated[
        Path | None,
        typer.Option(help="File to touch every 5 s while work can be done.", metavar="FILE"),
    ] = None,
) -> None:
    """Work on jobs of the queue until SIGINT or SIGTERM, without a server."""
    settings = settings_of(workers=workers, presets_file=presets)
    if not settings.redis:
        end(BAD_USE, "there is no queue: set PIXELPIPE_REDIS_URL")
    from pixelpipe import node
    from pixelpipe.logs import configure_logs

    configure_logs(settings.log_level)
    _serve(node.work(settings, health))


def _serve_and_work(settings: "Settings") -> None:
    from pixelpipe.logs import configure_logs
    from pixelpipe.node import working
    from pixelpipe.server.run import serve as run

    configure_logs(settings.log_level)
    _serve(run(settings, beside=working))


def _serve(work: Coroutine[Any, Any, None]) -> None:
    from pixelpipe.server.run import ListenError
    from pixelpipe.server.wire.descriptors import DescriptorLimitError

    try:
        _run(work)
    except DescriptorLimitError as error:
        end(BAD_USE, str(error))
    except ListenError as error:
        end(FAILED, str(error))


def _supervise(settings: "Settings") -> None:
    if settings.redis:
        end(BAD_USE, "several processes share a data folder; with Redis, start several servers")
    from pixelpipe.logs import configure_logs
    from pixelpipe.supervisor import ProcessEndedError, SharesError, supervise

    configure_logs(settings.log_level)
    try:
        _serve(supervise(settings, _serve_one))
    except SharesError as error:
        end(BAD_USE, str(error))
    except ProcessEndedError as error:
        if error.code not in {FAILED, BAD_USE}:
            end(FAILED, str(error))
        raise typer.Exit(error.code) from error


def _serve_one(settings: "Settings", place: "Place", listens: "Connection") -> None:
    """What each of several server processes runs."""
    from pixelpipe.engine.isolation import die_with_parent, ignore_interrupts
    from pixelpipe.logs import configure_logs
    from pixelpipe.server.run import serve as run

    die_with_parent()
    parent = multiprocessing.parent_process()
    if parent is None or os.getppid() != parent.pid:
        sys.exit(FAILED)  # It had died before that; its successor may be there by now.
    ignore_interrupts()
    configure_logs(settings.log_level)
    with listens:
        try:
            _serve(run(settings, place=place, on_listening=lambda url: _tell(listens, url)))
        except typer.Exit as ended:
            sys.exit(ended.exit_code)


def _tell(listens: "Connection", url: str) -> None:
    # Whoever has started us and no longer waits for it stops us.
    with contextlib.suppress(BrokenPipeError):
        listens.send_bytes(url.encode())
    listens.close()


@app.command()
def process(  # noqa: PLR0913, PLR0917 - each is an option of the command
    photos: Annotated[
        list[Path],
        typer.Argument(help="The photographs.", metavar="PHOTO", exists=True, dir_okay=False),
    ],
    preset: Annotated[
        str | None, typer.Option(help="Presets to make, separated by commas.", metavar="NAMES")
    ] = None,
    variants: Annotated[
        Path | None, typer.Option(help="JSON file with a list of specs.", metavar="FILE")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder to write to.", file_okay=False)
    ] = Path("out"),
    workers: Workers = None,
    presets: PresetsFile = None,
) -> None:
    """Make the variants of photographs without a server."""
    settings = settings_of(workers=workers, presets_file=presets)
    specs = _specs(preset, variants, settings)
    from pixelpipe.logs import configure_logs
    from pixelpipe.process import InterruptionError, process_photos

    configure_logs("warning")
    try:
        complete = _run(process_photos(photos, specs, out, settings))
    except InterruptionError as error:
        end(INTERRUPTED, str(error))
    if not complete:
        raise typer.Exit(FAILED)


@app.command("presets")
def list_presets(presets: PresetsFile = None) -> None:
    """List the presets and what they make."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("preset", "variant", "size", "note")
    for preset in _presets(settings_of(presets_file=presets)).listing():
        for variant in preset["variants"]:
            size = _size(variant["width"], variant["height"])
            cells = (preset["name"], variant["name"], size, variant["note"] or "")
            table.add_row(*map(Text, cells))
        table.add_section()
    Console().print(table)


def _size(width: int | None, height: int | None) -> str:
    match width, height:
        case None, None:
            return "as the source"
        case _, None:
            return f"{width} wide"
        case None, _:
            return f"{height} high"
        case _:
            return f"{width} x {height}"


def _presets(settings: "Settings") -> "Presets":
    from pixelpipe.recipes.presets import load_presets
    from pixelpipe.recipes.presets_file import PresetFileError

    try:
        return load_presets(settings.presets_file)
    except PresetFileError as error:
        end(BAD_USE, *str(error).splitlines())


def _specs(preset: str | None, variants: Path | None, settings: "Settings") -> "tuple[Spec, ...]":
    """What to make; all that is wrong is said at once."""
    from pixelpipe.errors import InvalidSpecError, UnknownPresetError

    presets = _presets(settings)
    if preset is None and variants is None:
        known = ", ".join(view["name"] for view in presets.listing())
        end(BAD_USE, f"give --preset, --variants or both; presets: {known}")
    try:
        return presets.choose(preset, None if variants is None else _json(variants), settings)
    except InvalidSpecError as error:
        end(
            BAD_USE,
            *(f"{e['pointer']} {e['detail']}".lstrip() for e in error.extensions["errors"]),
        )
    except UnknownPresetError as error:
        end(BAD_USE, error.detail)


def _json(file: Path) -> object:
    import json

    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        end(BAD_USE, f"cannot read {file}: {error.strerror}")
    except (ValueError, RecursionError) as error:
        end(BAD_USE, f"{file} is not a file of JSON: {error}")


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; what keeps it from starting is said in one line."""
    from pixelpipe.auth.keys import KeysError
    from pixelpipe.engine.process import WorkerStartError
    from pixelpipe.kept_secrets import SecretError
    from pixelpipe.recipes.presets_file import PresetFileError
    from pixelpipe.runtime import ArenaSizeError
    from pixelpipe.storage.folder import FolderError

    try:
        return asyncio.run(work)
    except (ArenaSizeError, PresetFileError) as error:
        end(BAD_USE, *str(error).splitlines())
    except (FolderError, KeysError, SecretError, WorkerStartError) as error:
        end(FAILED, str(error))
