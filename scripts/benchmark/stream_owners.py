"""Owners of jobs, each with a key, and the jobs that they send in."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from urllib.parse import quote

from photograph import draw_photograph, with_comment
from pixelpipe.auth.keys import Scope, new_key
from pixelpipe.auth.keys_file import changing_keys

_WIDTH_PX, _HEIGHT_PX = 64, 48
_STREAMS_OF_AN_ADDRESS = 100  # as many as the server allows by default
_ADDRESSES_OF_A_NETWORK = 250


@dataclass(frozen=True, slots=True)
class Owners:
    """Owners of jobs.

    Attributes:
        keys: What each shows.
    """

    keys: tuple[str, ...]

    @classmethod
    def kept_in(cls, file: Path, owners: int) -> "Owners":
        """So many new ones, whose keys are in the file. Writes it."""
        made = [
            new_key(f"owner {number}", (Scope.SUBMIT, Scope.READ), datetime.now(UTC))
            for number in range(owners)
        ]
        with changing_keys(file) as keys:
            keys.extend(key for key, _ in made)
        return cls(tuple(text for _, text in made))

    def streams(self, streams: int) -> list[tuple[str, str]]:
        """The address and the key of so many streams; the owners have equally many.

        Their addresses are 127.1.0.1 and up, each of as many streams as the server allows it.
        """
        return [
            (_address(number // _STREAMS_OF_AN_ADDRESS), self.keys[number % len(self.keys)])
            for number in range(streams)
        ]


class TinyJobs:
    """Requests that upload one tiny picture, each in bytes of its own and for an owner by chance.

    Args:
        owners: Whose they are.
        variants: How many each asks for.
    """

    def __init__(self, owners: Owners, variants: int) -> None:
        specs = [{"name": f"v{n}", "resize": {"width": 8 + n}} for n in range(variants)]
        self._path = f"/api/jobs?variants={quote(json.dumps(specs))}"
        self._jpeg = draw_photograph(_WIDTH_PX, _HEIGHT_PX, quality=60)
        self._owners = owners
        self._random = Random(7)  # noqa: S311 - the same in each run
        self._numbers = count()
        # Accepted, started, each variant started and completed, completed.
        self.events = 3 + 2 * variants

    def request(self) -> list[bytes]:
        """The next one, answered when the job has ended."""
        image = with_comment(self._jpeg, f"{next(self._numbers):010d}")
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            f"Authorization: Bearer {self._random.choice(self._owners.keys)}\r\n"
            f"Prefer: wait=60\r\nContent-Length: {len(image)}\r\n\r\n"
        )
        return [head.encode() + image]


def _address(number: int) -> str:
    network, place = divmod(number, _ADDRESSES_OF_A_NETWORK)
    return f"127.1.{network}.{place + 1}"
