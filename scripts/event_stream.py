"""Server-sent events, as a client reads them (WHATWG HTML, section 9.2.6)."""

import json
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its id, its name, and its data, which PixelPipe writes as a JSON object."""

    id: str
    name: str
    data: dict[str, Any]


async def read_events(lines: AsyncIterable[bytes]) -> AsyncIterator[Event]:
    """Yield each event of a stream as soon as the blank line that ends it has come.

    Args:
        lines: The lines of the response's body, each with its line end.
    """
    fields: dict[str, list[str]] = {}
    last_id = ""
    async for line in lines:
        name, colon, value = line.decode().rstrip("\r\n").partition(":")
        if name:
            fields.setdefault(name, []).append(value.removeprefix(" "))
        elif not colon:
            last_id = fields.get("id", [last_id])[-1]
            if "data" in fields:
                data = json.loads("\n".join(fields["data"]))
                yield Event(last_id, fields.get("event", ["message"])[-1], data)
            fields.clear()
