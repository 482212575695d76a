"""`pixelpipe config`: the settings as they hold, and what the machine can do for them."""

# ruff: noqa: PLC0415 - `--help` stays quick

import json
from typing import TYPE_CHECKING, Annotated

import typer

from pixelpipe.cli_ends import settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixelpipe.engine.confinement import SandboxReport
    from pixelpipe.settings_report import SettingView


def show(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False
) -> None:
    """Print every setting and its source, and what the sandbox can do on this machine."""
    settings = settings_of()
    from pixelpipe.settings_report import list_settings, sandbox_here

    views = list(list_settings(settings))
    report = sandbox_here(settings)
    if as_json:
        values = {view.name: {"value": view.value, "source": view.source} for view in views}
        sandbox = report.facts() | {"mode": settings.sandbox}
        typer.echo(json.dumps({"settings": values, "sandbox": sandbox}, indent=2))
        return
    for line in _table(views):
        typer.echo(line)
    typer.echo("")
    for line in _words(report):
        typer.echo(line)


def _table(views: "Sequence[SettingView]") -> list[str]:
    rows = [(view.name, _text(view.value), view.source) for view in views]
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{name:<{names}}  {value:<{values}}  {source}" for name, value, source in rows]


def _text(value: object) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _words(report: "SandboxReport") -> list[str]:
    seccomp = "yes" if report.seccomp else "no"
    landlock = f"version {report.landlock}" if report.landlock else "no"
    return [
        f"sandbox on this machine: seccomp {seccomp}, Landlock {landlock}",
        *(f"missing: {reason}" for reason in report.missing),
    ]
