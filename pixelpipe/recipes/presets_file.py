"""Files of presets: read and checked as a whole, every mistake told by file and key."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path as FilePath
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pixelpipe.recipes.mistakes import Explainer, Mistake, Path, rule
from pixelpipe.recipes.spec import NAME_PATTERN, NAME_WORDS, Treatment

_BUILT_IN = files("pixelpipe.recipes") / "presets.toml"
_NAME = re.compile(NAME_PATTERN)


class PresetFileError(ValueError):
    """A file of presets cannot be used; the message lists every mistake, by file and key."""


class VariantEntry(Treatment):
    """One variant, as the file has it; its name is its key."""

    source: str | None = None
    note: str | None = None


class PresetEntry(BaseModel):
    """One preset, as the file has it: variants of its own, or others' by their full names."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    description: str = ""
    source: str | None = None
    checked: Annotated[date, Field(description="a date such as 2026-11-21")] | None = None
    variants: dict[str, VariantEntry] = {}
    includes: list[str] = []

    @model_validator(mode="after")
    def _has_variants(self) -> Self:
        if not self.variants and not self.includes:
            raise rule("needs variants of its own, or names of others' variants as includes")
        return self


@dataclass(frozen=True, slots=True)
class _Outline:
    """The names in a preset's table, which can be checked whatever else is wrong with it.

    Attributes:
        path: The file and the preset's name.
        variants: The names of its variants; None where the table has something else there.
        includes: What it includes, names or not.
    """

    path: tuple[str, str]
    variants: list[str] | None
    includes: list[object]

    @property
    def name(self) -> str:
        return self.path[1]


def full_name(preset: str, variant: str) -> str:
    """What a preset's variant is called in a job."""
    return f"{preset}-{variant}"


def read_presets(extra: FilePath | None) -> dict[str, PresetEntry]:
    """The built-in presets, and those of the user's own file added or put in their place.

    Raises:
        PresetFileError: The file cannot be read, is not TOML, or has mistakes.
    """
    tables: dict[str, tuple[str, object]] = {}
    for file in (_BUILT_IN, extra):
        if file is not None:
            tables |= {name: (str(file), table) for name, table in _toml(file).items()}
    entries: dict[str, PresetEntry] = {}
    mistakes: list[Mistake] = []
    explainer = Explainer(PresetEntry, {})
    for name, (file_name, table) in tables.items():
        try:
            entries[name] = PresetEntry.model_validate(table)
        except ValidationError as error:
            mistakes += explainer.mistakes(error, (file_name, name))
    outlines = [_outline(table, (file, name)) for name, (file, table) in tables.items()]
    mistakes += _bad_names(outlines)
    mistakes += _bad_includes(outlines)
    if mistakes:
        raise PresetFileError("\n".join(map(_line, mistakes)))
    return entries


def _toml(file: FilePath | Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PresetFileError(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PresetFileError(f"{file}: is not TOML in UTF-8: {error}") from error


def _outline(table: object, path: tuple[str, str]) -> _Outline:
    fields = table if isinstance(table, dict) else {"variants": None}
    variants, includes = fields.get("variants", {}), fields.get("includes")
    return _Outline(
        path,
        list(variants) if isinstance(variants, dict) else None,
        includes if isinstance(includes, list) else [],
    )


def _bad_names(outlines: Iterable[_Outline]) -> Iterator[Mistake]:
    """Names that no job could use, and variants that would have the name of another."""
    owners: dict[str, Path] = {}
    for outline in outlines:
        if not _NAME.fullmatch(outline.name):
            yield Mistake(outline.path, f"must have a name of {NAME_WORDS}")
        for variant in outline.variants or ():
            name, path = full_name(outline.name, variant), (*outline.path, "variants", variant)
            if not _NAME.fullmatch(name):
                yield Mistake(path, f"makes the name {name!r}, which must be {NAME_WORDS}")
            if owners.setdefault(name, path) is not path:
                taken = ".".join(map(str, owners[name][1:]))
                yield Mistake(path, f"makes the name {name!r}, which {taken} has already")


def _bad_includes(outlines: Sequence[_Outline]) -> Iterator[Mistake]:
    """Includes that name no variant; of a preset whose variants nobody can tell, any may be."""
    names = {full_name(o.name, variant) for o in outlines for variant in o.variants or ()}
    untold = tuple(full_name(o.name, "") for o in outlines if o.variants is None)
    for outline in outlines:
        for index, name in enumerate(outline.includes):
            if isinstance(name, str) and name not in names and not name.startswith(untold):
                path = (*outline.path, "includes", index)
                yield Mistake(path, f"must be the full name of a variant, not {name!r}")


def _line(mistake: Mistake) -> str:
    file, *keys = map(str, mistake.path)
    return f"{file}: {'.'.join(keys)} {mistake.detail}"
