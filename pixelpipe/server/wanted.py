"""What requests ask for, by the very text that they send: most programs send the same for ever."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from pixelpipe.recipes.presets import Presets
from pixelpipe.recipes.spec import Limits, Spec
from pixelpipe.server.context import RUNTIME
from pixelpipe.server.fields import json_field
from pixelpipe.server.marks import MARK, marked

_MOST_TEXTS = 256
_MOST_CHARS = 16 * 1024


class Wanted:
    """Reads the fields `preset` and `variants`, each text once.

    Args:
        presets: Those that there are.
        limits: How much may be asked for.
    """

    def __init__(self, presets: Presets, limits: Limits) -> None:
        self._presets = presets
        self._limits = limits
        self._read: OrderedDict[tuple[str | None, str | None], tuple[Spec, ...]] = OrderedDict()

    def specs(self, fields: Mapping[str, str]) -> tuple[Spec, ...]:
        """The specs of a request; the same object for the same text, mostly.

        Raises:
            MalformedRequestError: The variants are not JSON.
            UnknownPresetError, InvalidSpecError: As `Presets.choose`.
        """
        text = (fields.get("preset"), fields.get("variants"))
        if MARK in fields or sum(len(part or "") for part in text) > _MOST_CHARS:
            return self._choose(fields)
        found = self._read.get(text)
        if found is None:
            found = self._read[text] = self._choose(fields)
            if len(self._read) > _MOST_TEXTS:
                self._read.popitem(last=False)
        else:
            self._read.move_to_end(text)
        return found

    def _choose(self, fields: Mapping[str, str]) -> tuple[Spec, ...]:
        variants = marked(json_field(fields, "variants"), fields)
        return self._presets.choose(fields.get("preset"), variants, self._limits)


WANTED: web.AppKey[Wanted] = web.AppKey("wanted", Wanted)


async def open_wanted(app: web.Application) -> AsyncIterator[None]:
    """Have `WANTED` for as long as the application runs."""
    runtime = app[RUNTIME]
    app[WANTED] = Wanted(runtime.presets, runtime.settings)
    yield
