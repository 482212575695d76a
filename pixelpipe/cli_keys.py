"""`pixelpipe keys`: who may use the server."""

# ruff: noqa: PLC0415 - `--help` stays quick

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelpipe.cli_ends import BAD_USE, FAILED, end, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pixelpipe.auth.keys import ApiKey, Scope

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

Data = Annotated[
    Path | None, typer.Option(help="Data folder of the server.", metavar="DIR", show_default=False)
]

_MAX_NAME_CHARS = 100
_WHOLE = frozenset({"id", "jobs of", "made", "ends"})


@app.command()
def add(  # noqa: PLR0913, PLR0917 - each is an option of the command
    name: Annotated[str, typer.Argument(help="What the key is called.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="submit, read or admin; several times for more; default: submit, read."),
    ] = None,
    rate: Annotated[
        str | None, typer.Option(help="Requests that it may make, such as 100/minute.")
    ] = None,
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="Days after which it ends.", metavar="N")
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option("--for", help="A key whose jobs it shares: to replace it, say.", metavar="ID"),
    ] = None,
    data: Data = None,
) -> None:
    """Make a key and print it, once: it is kept hashed. A server that runs takes it at once."""
    from pixelpipe.auth.keys import new_key

    path = _path(data)
    now = datetime.now(UTC)
    key, text = new_key(_name(name), _scopes(scope), now)
    expires_at = None if expires_days is None else now + timedelta(days=expires_days)
    key = replace(key, rate=_rate(rate), expires_at=expires_at)
    with _changing(path) as keys:
        if shares is not None:
            key = replace(key, tenant=_key(keys, shares, path).tenant)
        keys.append(key)
    typer.echo(f"The key {key.id} ({_words(key)}); it is shown this once:", err=True)
    typer.echo(text)


@app.command("list")
def list_keys(data: Data = None) -> None:
    """List the keys: what they are called and good for."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from pixelpipe.auth.keys import KeysError
    from pixelpipe.auth.keys_file import read_keys

    try:
        keys = read_keys(_path(data))
    except KeysError as error:
        end(FAILED, str(error))
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "scopes", "jobs of", "rate", "made", "ends"):
        table.add_column(heading, no_wrap=heading in _WHOLE, overflow="fold")
    now = datetime.now(UTC)
    for key in keys:
        ends = "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d}"
        jobs = "everybody" if key.admin else key.tenant
        cells = (key.id, key.name, _words(key), jobs, key.rate or "")
        days = (f"{key.created_at:%Y-%m-%d}", "ended" if key.ended(now) else ends)
        table.add_row(*map(Text, cells + days))
    Console().print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    data: Data = None,
) -> None:
    """End a key, its sessions and its links. Its jobs stay, for keys with the scope admin."""
    path = _path(data)
    with _changing(path) as keys:
        keys.remove(_key(keys, key_id, path))
    typer.echo(f"The key {key_id} is revoked.", err=True)


def _path(data: Path | None) -> Path:
    from pixelpipe.auth.keys_file import keys_path

    return keys_path(settings_of(data_dir=data))


@contextmanager
def _changing(path: Path) -> "Iterator[list[ApiKey]]":
    """Around a change of the keys; what keeps it from being written is said in one line."""
    from pixelpipe.auth.keys import KeysError
    from pixelpipe.auth.keys_file import changing_keys

    try:
        with changing_keys(path) as keys:
            yield keys
    except KeysError as error:
        end(FAILED, str(error))


def _key(keys: "Sequence[ApiKey]", key_id: str, path: Path) -> "ApiKey":
    found = [key for key in keys if key.id == key_id]
    if not found:
        end(BAD_USE, f"there is no key {key_id} in {path}")
    return found[0]


def _words(key: "ApiKey") -> str:
    return ", ".join(sorted(key.scopes))


def _name(name: str) -> str:
    if not name.isprintable() or not 1 <= len(name) <= _MAX_NAME_CHARS:
        end(BAD_USE, f"the name has to have 1 to {_MAX_NAME_CHARS} characters that can be printed")
    return name


def _scopes(given: list[str] | None) -> "list[Scope]":
    from pixelpipe.auth.keys import Scope

    words = given or [Scope.SUBMIT.value, Scope.READ.value]
    for word in words:
        if word not in list(Scope):
            end(BAD_USE, f"--scope must be one of {', '.join(Scope)}, not {word!r}")
    return [Scope(word) for word in words]


def _rate(given: str | None) -> str | None:
    from pixelpipe.rate_notation import check_rate

    try:
        if given is not None:
            check_rate(given)
    except ValueError as error:
        end(BAD_USE, f"--rate {error}")
    return given
