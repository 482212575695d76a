"""The codec limit L of a picture and a set: what was tried, and its figures round by round."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmark.errors import BenchError

_PROGRAM = "benchmark.codec_limit"
_SCRIPTS = Path(__file__).parents[1]
_FREE = {"target_bytes": None, "decode": None, "encode": None, "quality": None}


@dataclass(frozen=True, slots=True)
class Choice:
    """The quickest codecs for a picture and a set, of all that were tried.

    Attributes:
        decode: The decode, and by how much it reduces.
        encode: The encoder.
        quality: Its quality.
        made_bytes: Size of all variants by it.
        target_bytes: What they were to be near to; None where they were to be near to nothing.
        tried_decodes_ms: CPU milliseconds of each decode that was tried.
        tried_encodes_ms: Of each encoder whose files come near enough.
    """

    decode: str
    encode: str
    quality: int
    made_bytes: int
    target_bytes: int | None
    tried_decodes_ms: Mapping[str, float]
    tried_encodes_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Limit:
    """What the codecs alone took for one job: a decode, and the encodes of all variants."""

    decode_ms: float
    encode_ms: float

    @property
    def total_ms(self) -> float:
        """Both together."""
        return self.decode_ms + self.encode_ms


@dataclass(frozen=True, slots=True)
class LimitFiles:
    """What the codecs are given.

    Attributes:
        picture: The file that is uploaded, by an absolute path.
        variants: What is made of it, lossless; likewise.
    """

    picture: Path
    variants: tuple[Path, ...]


class CodecProcess:
    """The program that measures, idle but for what it is asked.

    Args:
        process: It; its standard input and output are pipes.
        repeats: How many times each figure is taken; they are medians.
    """

    def __init__(self, process: Process, repeats: int) -> None:
        self._process = process
        self._repeats = repeats

    @classmethod
    @asynccontextmanager
    async def running(cls, repeats: int) -> AsyncIterator[Self]:
        """Start it; end it when the block ends."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", _PROGRAM, stdin=PIPE, stdout=PIPE, cwd=_SCRIPTS
        )
        assert process.stdin is not None, "it is a pipe"
        try:
            yield cls(process, repeats)
        finally:
            process.stdin.close()
            await process.wait()

    async def choose(self, files: LimitFiles, target_bytes: int | None) -> Choice:
        """Try all codecs.

        Raises:
            BenchError: The program failed; its own words are on the standard error.
        """
        found = await self._ask(files, {"target_bytes": target_bytes})
        return Choice(
            decode=found["decode"]["name"],
            encode=found["encode"]["name"],
            quality=found["encode"]["quality"],
            made_bytes=found["encode"]["bytes"],
            target_bytes=target_bytes,
            tried_decodes_ms=found["decode"]["tried_ms"],
            tried_encodes_ms=found["encode"]["tried_ms"],
        )

    async def measure(self, files: LimitFiles, choice: Choice) -> Limit:
        """Measure the chosen codecs.

        Raises:
            BenchError: The program failed; its own words are on the standard error.
        """
        fixed = {"decode": choice.decode, "encode": choice.encode, "quality": choice.quality}
        found = await self._ask(files, fixed)
        return Limit(found["decode"]["ms"], found["encode"]["ms"])

    async def _ask(self, files: LimitFiles, request: dict[str, Any]) -> dict[str, Any]:
        names = {"picture": str(files.picture), "variants": [str(file) for file in files.variants]}
        line = json.dumps(_FREE | names | {"repeats": self._repeats} | request) + "\n"
        assert self._process.stdin is not None, "it is a pipe"
        assert self._process.stdout is not None, "it is a pipe"
        self._process.stdin.write(line.encode())
        answer = await self._process.stdout.readline()
        if not answer:
            raise BenchError(f"the codec limit of {files.picture.name} could not be measured")
        found: dict[str, Any] = json.loads(answer)
        return found
