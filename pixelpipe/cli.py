"""The command line: what the options mean. Each command imports its work when it runs."""

# ruff: noqa: PLC0415 - `--help` and `--version` stay quick, `process` does without aiohttp

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from pixelpipe import __version__

if TYPE_CHECKING:
    from pixelpipe.config import Settings
    from pixelpipe.recipes.presets import Presets
    from pixelpipe.recipes.spec import Spec

T = TypeVar("T")

_FAILED = 1
_BAD_USE = 2

app = typer.Typer(
    help="One upload, one decode, every variant, live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

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
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes any free one.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for blobs.", metavar="DIR")] = None,
    workers: Workers = None,
    presets: PresetsFile = None,
) -> None:
    """Serve the API and the page until SIGINT or SIGTERM."""
    settings = _settings(host=host, port=port, data_dir=data, workers=workers, presets_file=presets)
    from pixelpipe.logs import configure_logs
    from pixelpipe.server.run import ListenError
    from pixelpipe.server.run import serve as run

    configure_logs(settings.log_level)
    try:
        _run(run(settings))
    except ListenError as error:
        _end(_FAILED, str(error))


@app.command()
def process(  # noqa: PLR0913, PLR0917 - each is an option of the command
    photos: Annotated[
        list[Path],
        typer.Argument(help="The photographs.", metavar="PHOTO...", exists=True, dir_okay=False),
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
    settings = _settings(workers=workers, presets_file=presets)
    specs = _specs(preset, variants, settings)
    from pixelpipe.logs import configure_logs
    from pixelpipe.process import process_photos

    configure_logs("warning")
    if not _run(process_photos(photos, specs, out, settings)):
        raise typer.Exit(_FAILED)


@app.command("presets")
def list_presets(presets: PresetsFile = None) -> None:
    """List the presets and what they make."""
    from rich.console import Console
    from rich.table import Table

    table = Table("preset", "variant", "size", "note")
    for preset in _presets(presets).listing():
        for variant in preset["variants"]:
            size = f"{variant['width'] or 'any'} x {variant['height'] or 'any'}"
            table.add_row(preset["name"], variant["name"], size, variant["note"])
        table.add_section()
    Console().print(table)


def _settings(**options: Any) -> "Settings":  # noqa: ANN401 - as typer read them
    """The settings with the options that were given; all that is wrong is said at once."""
    from pydantic import ValidationError

    from pixelpipe.config import Settings

    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        _end(_BAD_USE, *mistakes)


def _presets(file: Path | None) -> "Presets":
    from pixelpipe.recipes.presets import load_presets
    from pixelpipe.recipes.presets_file import PresetFileError

    try:
        return load_presets(file)
    except PresetFileError as error:
        _end(_BAD_USE, *str(error).splitlines())


def _specs(preset: str | None, variants: Path | None, settings: "Settings") -> "tuple[Spec, ...]":
    """What to make; all that is wrong is said at once."""
    import json

    from pixelpipe.errors import InvalidSpecError, UnknownPresetError

    presets = _presets(settings.presets_file)
    try:
        own = None if variants is None else json.loads(variants.read_bytes())
        return presets.choose(preset, own, settings)
    except (OSError, ValueError) as error:
        _end(_BAD_USE, f"{variants} is not a file of JSON: {error}")
    except InvalidSpecError as error:
        _end(_BAD_USE, *(f"{e['pointer']} {e['detail']}" for e in error.extensions["errors"]))
    except UnknownPresetError as error:
        _end(_BAD_USE, error.detail)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; what keeps it from starting is said in one line."""
    from pixelpipe.engine.process import WorkerStartError
    from pixelpipe.recipes.presets_file import PresetFileError
    from pixelpipe.storage.folder import FolderInUseError

    try:
        return asyncio.run(work)
    except PresetFileError as error:
        _end(_BAD_USE, *str(error).splitlines())
    except (FolderInUseError, WorkerStartError) as error:
        _end(_FAILED, str(error))


def _end(status: int, *lines: str) -> NoReturn:
    for line in lines:
        typer.echo(f"pixelpipe: {line}", err=True)
    raise typer.Exit(status)
