"""Files of presets: read and checked as a whole, every mistake told by file and key."""

import re
import tomllib
from collections.abc import Iterator, Mapping
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


Entries = Mapping[str, PresetEntry]
Places = Mapping[str, Path]


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
    places = {name: (file_name, name) for name, (file_name, _) in tables.items()}
    mistakes += _bad_names(entries, places)
    mistakes += _bad_includes(entries, places)
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


def _bad_names(entries: Entries, places: Places) -> Iterator[Mistake]:
    """Names that no job could use, and variants that would have the name of another."""
    owners: dict[str, Path] = {}
    for preset, path in places.items():
        if not _NAME.fullmatch(preset):
            yield Mistake(path, f"must have a name of {NAME_WORDS}")
    for preset, entry in entries.items():
        for variant in entry.variants:
            name, path = full_name(preset, variant), (*places[preset], "variants", variant)
            if not _NAME.fullmatch(name):
                yield Mistake(path, f"makes the name {name!r}, which must be {NAME_WORDS}")
            if owners.setdefault(name, path) is not path:
                taken = ".".join(map(str, owners[name][1:]))
                yield Mistake(path, f"makes the name {name!r}, which {taken} has already")


def _bad_includes(entries: Entries, places: Places) -> Iterator[Mistake]:
    """Includes that name no variant; those of a preset with mistakes are not looked at."""
    names = {full_name(p, variant) for p, entry in entries.items() for variant in entry.variants}
    broken = tuple(full_name(preset, "") for preset in places.keys() - entries.keys())
    for preset, entry in entries.items():
        for index, name in enumerate(entry.includes):
            if name not in names and not name.startswith(broken):
                path = (*places[preset], "includes", index)
                yield Mistake(path, f"must be the full name of a variant, not {name!r}")


def _line(mistake: Mistake) -> str:
    file, *keys = map(str, mistake.path)
    return f"{file}: {'.'.join(keys)} {mistake.detail}"
