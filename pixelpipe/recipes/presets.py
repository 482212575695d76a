"""Named bundles of specs."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pixelpipe.errors import UnknownPresetError
from pixelpipe.formats.registry import Format
from pixelpipe.recipes.mistakes import Mistake, invalid_spec
from pixelpipe.recipes.presets_file import PresetEntry, VariantEntry, full_name, read_presets
from pixelpipe.recipes.spec import Fit, Limits, Spec, Treatment, expanded, parse_specs


class PresetVariantView(BaseModel):
    """A preset's variant; sizes are null where the source decides."""

    name: str
    width: int | None
    height: int | None
    fit: Fit | None
    format: Format | None
    source: str | None
    checked: date | None
    note: str | None


class PresetView(BaseModel):
    """A preset, as `GET /api/presets` shows it."""

    name: str
    description: str
    variants: list[PresetVariantView]


class Presets:
    """The presets that can be asked for by name.

    Args:
        entries: Checked presets by name; see `load_presets`.
    """

    def __init__(self, entries: dict[str, PresetEntry]) -> None:
        views: dict[str, PresetVariantView] = {}
        specs: dict[str, Spec] = {}
        for preset, entry in entries.items():
            for variant, wanted in entry.variants.items():
                name = full_name(preset, variant)
                specs[name] = _spec(name, wanted)
                views[name] = _view(name, wanted, entry)
        self._members = {preset: _members(preset, entry) for preset, entry in entries.items()}
        self._specs = specs
        self._views = [
            PresetView(
                name=preset,
                description=entry.description,
                variants=[views[name] for name in self._members[preset]],
            )
            for preset, entry in entries.items()
        ]

    def specs(self, names: str) -> tuple[Spec, ...]:
        """The specs of presets named with commas between, each variant once.

        Raises:
            UnknownPresetError: The detail lists the presets there are.
        """
        wanted = [name.strip() for name in names.split(",")]
        unknown = [name for name in wanted if name not in self._members]
        if unknown:
            said = ", ".join(repr(name[:64]) for name in unknown[:10])
            known = ", ".join(self._members)
            raise UnknownPresetError(f"No such preset: {said}; there are {known}.")
        members = dict.fromkeys(member for name in wanted for member in self._members[name])
        return tuple(self._specs[member] for member in members)

    def choose(
        self, names: str | None, variants: object | None, limits: Limits
    ) -> tuple[Spec, ...]:
        """What a request asks for: its own variants first, then those of its presets.

        Args:
            names: Presets with commas between; None for none.
            variants: The parsed JSON of the request's own specs; None for none.
            limits: How much may be asked for.

        Raises:
            UnknownPresetError: See `specs`.
            InvalidSpecError: Every mistake with its JSON pointer; too many; nothing at all.
        """
        if names is None and variants is None:
            detail = f"must name a preset or give variants; presets: {', '.join(self._members)}"
            raise invalid_spec([Mistake((), detail)])
        bundled = self.specs(names) if names is not None else ()
        own = parse_specs(variants, limits=limits) if variants is not None else ()
        _check_together(own, bundled, limits)
        return own + bundled

    def listing(self) -> list[dict[str, Any]]:
        """All presets, ready for JSON; each is a `PresetView`."""
        return [view.model_dump(mode="json") for view in self._views]


def load_presets(extra: Path | None) -> Presets:
    """The built-in presets, and those of the file `extra` added or put in their place.

    Raises:
        PresetFileError: The file cannot be used; every mistake is told.
    """
    return Presets(read_presets(extra))


def _members(preset: str, entry: PresetEntry) -> list[str]:
    return [*(full_name(preset, variant) for variant in entry.variants), *entry.includes]


def _spec(name: str, wanted: VariantEntry) -> Spec:
    return Spec(name=name, **{field: getattr(wanted, field) for field in Treatment.model_fields})


def _view(name: str, wanted: VariantEntry, entry: PresetEntry) -> PresetVariantView:
    resize = wanted.resize
    return PresetVariantView(
        name=name,
        width=resize.width if resize else None,
        height=resize.height if resize else None,
        fit=resize.fit if resize else None,
        format=wanted.format,
        source=wanted.source or entry.source,
        checked=entry.checked,
        note=wanted.note,
    )


def _check_together(own: Sequence[Spec], bundled: Sequence[Spec], limits: Limits) -> None:
    taken = {spec.name for spec in bundled}
    mistakes = [
        Mistake(
            ("variants", index, "name"), f"must not be that of a preset's variant: {spec.name!r}"
        )
        for index, spec in enumerate(own)
        if spec.name in taken
    ]
    total = sum(1 for _ in expanded([*own, *bundled]))
    if total > limits.max_variants:
        detail = f"must ask for {limits.max_variants} variants at most, not {total}"
        mistakes.append(Mistake((), detail))
    if mistakes:
        raise invalid_spec(mistakes)
