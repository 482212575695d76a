"""How commands read their settings, and how they end."""

# ruff: noqa: PLC0415 - `--help` and `--version` stay quick

from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from pixelpipe.config import Settings

FAILED = 1
BAD_USE = 2
INTERRUPTED = 130


def settings_of(**options: object) -> "Settings":
    """The settings with the options that were given; all that is wrong is said at once."""
    from pixelpipe.settings_mistakes import SettingsError, read_settings

    try:
        return read_settings(options)
    except SettingsError as error:
        end(BAD_USE, *str(error).splitlines())


def end(status: int, *lines: str) -> NoReturn:
    """End the program with a word to whoever started it."""
    for line in lines:
        typer.echo(f"pixelpipe: {line}", err=True)
    raise typer.Exit(status)
