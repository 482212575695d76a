"""The README says what there is: no more, no less."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import TypeGuard, cast, get_args

import pytest
from pydantic import BaseModel

from pixelpipe import errors
from pixelpipe.config import Settings, variables_of
from pixelpipe.formats.registry import WRITABLE
from pixelpipe.jobs.model import EventType
from pixelpipe.recipes.presets import load_presets
from pixelpipe.recipes.spec import Spec, parse_specs
from pixelpipe.runtime import Runtime
from pixelpipe.server.app import make_app
from pixelpipe.server.single import PLACES

README = (Path(__file__).parents[2] / "README.md").read_text()


def _section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no section {title}"
    return found[1]


def _first_cells(title: str) -> list[str]:
    """What stands between backticks in the first cell of each row of the section's tables."""
    rows = re.findall(r"^\| (`[^|]*) \|", _section(title), re.MULTILINE)
    return [cell for row in rows for cell in re.findall(r"`([^`]+)`", row)]


def _variables() -> set[str]:
    return {variable for name in Settings.model_fields for variable in variables_of(name)}


def _slugs(error: type[errors.PixelPipeError]) -> set[str]:
    own = {error.slug} if hasattr(error, "slug") else set()
    return own.union(*(_slugs(kind) for kind in error.__subclasses__()))


def test_names_every_setting() -> None:
    assert sorted(_first_cells("Settings")) == sorted(_variables())


def test_says_of_every_setting_what_the_program_says() -> None:
    rows = re.findall(r"^\| `(\w+)`.* \| ([^|]*) \|$", _section("Settings"), re.MULTILINE)
    told = {
        variables_of(name)[0]: field.description for name, field in Settings.model_fields.items()
    }
    assert dict(rows) == told


def _routes() -> set[str]:
    router = make_app(cast("Runtime", SimpleNamespace(settings=Settings()))).router
    return {
        f"{route.method} {route.resource.canonical}"
        for route in router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


def test_names_every_route() -> None:
    assert sorted(_first_cells("HTTP API")) == sorted(_routes())


def _spec_fields() -> list[str]:
    """Every field of a spec, with what is inside it where that stands in the table by itself."""
    fields = []
    for name, field in Spec.model_fields.items():
        options = [o for o in (field.annotation, *get_args(field.annotation)) if _is_model(o)]
        whole = name in ("crop", "pad")  # shown as one example
        inner = [f"{name}.{key}" for model in options for key in model.model_fields]
        fields += [name] if whole or not inner else inner
    return fields


def _is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def test_names_every_field_of_a_spec() -> None:
    assert sorted(_first_cells("Variants")) == sorted(_spec_fields())


def test_names_every_flat_field() -> None:
    (row,) = re.findall(r"^\| `POST /api/transform` .*$", _section("HTTP API"), re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", row.partition("flat fields:")[2].partition("(objects")[0]))
    assert named - {"mark"} == PLACES.keys()


def test_names_every_format_that_can_be_written() -> None:
    (row,) = re.findall(r"^\| `format` \|.*$", _section("Variants"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) - {"format", "auto"} >= set(WRITABLE)


def test_names_every_event() -> None:
    assert sorted(_first_cells("Events")) == sorted(EventType)


def test_names_every_error_with_its_status() -> None:
    assert sorted(_first_cells("Errors")) == sorted(_slugs(errors.PixelPipeError))
    for line in _section("Errors").splitlines():
        if row := re.match(r"\| `([a-z-]+)` \| (\d+) \|", line):
            kind = next(k for k in _all(errors.PixelPipeError) if k.slug == row[1])
            assert int(row[2]) == kind.status, row[1]


def _all(error: type[errors.PixelPipeError]) -> list[type[errors.PixelPipeError]]:
    found = [kind for child in error.__subclasses__() for kind in [child, *_all(child)]]
    return [kind for kind in found if "slug" in vars(kind)]


def test_names_every_preset() -> None:
    assert sorted(_first_cells("Presets")) == sorted(
        view["name"] for view in load_presets(None).listing()
    )


def test_opens_with_the_two_commands() -> None:
    commands = re.findall(r"^scripts/\w+.*$", README, re.MULTILINE)
    assert [command.split()[0] for command in commands[:2]] == ["scripts/demo", "scripts/test"]


def test_the_example_of_a_refusal_is_what_comes() -> None:
    found = re.search(r"^`(\[\{.*)` the answer is\n\n(.*?)\n\n", README, re.MULTILINE | re.DOTALL)
    assert found
    with pytest.raises(errors.InvalidSpecError) as refusal:
        parse_specs(json.loads(found[1]), limits=Settings())
    assert refusal.value.problem() == json.loads(found[2])
