"""The sets of variants that the benchmark asks for, as PixelPipe's specs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

Spec = dict[str, Any]

_FILE = Path(__file__).with_name("sets.json")
_SETS: dict[str, list[Spec]] = json.loads(_FILE.read_text())

# Of small pictures; the others are of a photograph.
SMALL_SET = "bench-small"
SET_NAMES = tuple(name for name in _SETS if name != SMALL_SET)


@dataclass(frozen=True)
class VariantSet:
    """Variants that are asked for together.

    Attributes:
        name: The set's.
        specs: Its variants, as `POST /api/jobs` takes them.
    """

    name: str
    specs: tuple[Spec, ...]

    @cached_property
    def lossless(self) -> "VariantSet":
        """The same variants as PNG, so that their pixels can be compared."""
        plain = (
            {name: value for name, value in spec.items() if name != "quality"}
            for spec in self.specs
        )
        return replace(self, specs=tuple(spec | {"format": "png"} for spec in plain))

    @cached_property
    def json(self) -> str:
        """The specs as JSON."""
        return json.dumps(self.specs)


def variant_sets(names: Iterable[str]) -> list[VariantSet]:
    """The sets of these names, in their order.

    Raises:
        KeyError: There is no such set.
    """
    return [VariantSet(name, tuple(_SETS[name])) for name in names]
