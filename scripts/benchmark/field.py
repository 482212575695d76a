"""The comparison itself: all contenders run side by side, and take turns under load."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from benchmark.contenders import Contender, running
from benchmark.errors import BenchError
from benchmark.limit import Choice, CodecProcess, Limit, LimitFiles
from benchmark.pictures import Picture
from benchmark.plan import Plan
from benchmark.quality import VariantQuality, compare
from benchmark.results import OWN, Comparison, LimitResult, Turn, limit_of, results_of
from benchmark.rounds import Case, clients_in_words, run_round
from benchmark.sets import VariantSet

# Whose files the codec limit's are to be as large as.
_MEASURE = "sharp-each"

console = Console(stderr=True)


@dataclass(slots=True)
class _Ready:
    """A picture and a set, with all that is known before the rounds.

    Attributes:
        cases: How many clients, and whether they send the same bytes.
        files: What the codec limit is measured with.
        choice: Its codecs.
        sides: The contenders that can make it.
        limits: Its figures, round by round.
    """

    cases: Sequence[Case]
    files: LimitFiles
    choice: Choice
    sides: Sequence[Contender]
    limits: list[Limit] = field(default_factory=list)


@dataclass(slots=True)
class Field:
    """All contenders, and what was found out so far.

    Attributes:
        plan: What is compared.
        folder: For files of pictures and variants.
        contenders: Those that run, by name.
        codecs: What measures the codec limit.
    """

    plan: Plan
    folder: Path
    contenders: dict[str, Contender]
    codecs: CodecProcess
    _qualities: list[VariantQuality] = field(default_factory=list)
    _refusals: list[str] = field(default_factory=list)

    async def compare(self, pictures: Sequence[Picture]) -> Comparison:
        """Measure with these pictures.

        Raises:
            BenchError: Nothing can be measured.
        """
        ready = [each for picture in pictures for each in await self._prepare(picture)]
        turns: list[Turn] = []
        for number in range(self.plan.rounds):
            for each in ready:
                turns += await self._round(number, each)
        return Comparison(
            pictures={picture.name: picture.what for picture in pictures},
            results=results_of(turns),
            limits=[_limit(each) for each in ready],
            qualities=self._qualities,
            refusals=self._refusals,
        )

    async def _prepare(self, picture: Picture) -> list[_Ready]:
        """Have every set of a picture made once, and compare what comes."""
        cases: dict[str, list[Case]] = {}
        for case in self.plan.cases(picture):
            cases.setdefault(case.asked.name, []).append(case)
        ready = []
        for of_one_set in cases.values():
            asked = of_one_set[0].asked
            console.print(f"{picture.name}, {asked.name}: quality, codec limit")
            sides = [
                self.contenders[name]
                for name in self.plan.contenders(asked)
                if await self._makes(self.contenders[name], picture, asked)
            ]
            files = await self._compare_quality(sides, picture, asked)
            choice = await self.codecs.choose(files, await _target(sides, picture, asked))
            ready.append(_Ready(of_one_set, files, choice, sides))
        return ready

    async def _makes(self, contender: Contender, picture: Picture, asked: VariantSet) -> bool:
        """Whether a contender can make a set of a picture; it is warm then.

        Raises:
            BenchError: PixelPipe cannot.
        """
        workers = self.plan.workers
        images = [picture.numbered(f"warm {number}") for number in range(workers)]
        replies = await asyncio.gather(*(contender.send(image, asked) for image in images))
        errors = [reply for reply in replies if reply.error is not None]
        if errors:
            said = f"{errors[0].error} {errors[0].detail or ''}".strip()
            self._refusals.append(f"{contender.name}: {asked.name} of {picture.name}: {said}")
            if contender.name == OWN:
                raise BenchError(self._refusals[-1])
        return not errors

    async def _compare_quality(
        self, sides: Sequence[Contender], picture: Picture, asked: VariantSet
    ) -> LimitFiles:
        """Compare the lossless variants; gives PixelPipe's as files, beside the picture's."""
        made = {side.name: await side.outputs(picture.content, asked.lossless) for side in sides}
        # Off the loop: connections would else be found idle for too long.
        compared = await asyncio.to_thread(lambda: list(compare(picture, asked.lossless, made)))
        self._qualities += compared
        file = self._written(picture.name, picture.content)
        prefix = f"{picture.name}-{asked.name}"
        variants = made[OWN].items()
        return LimitFiles(
            file, tuple(self._written(f"{prefix}-{name}", content) for name, content in variants)
        )

    def _written(self, name: str, content: bytes) -> Path:
        file = self.folder / name
        file.write_bytes(content)
        return file

    async def _round(self, number: int, ready: _Ready) -> list[Turn]:
        """The codecs alone, then every contender in every case.

        Who begins changes from round to round, so that nobody always comes behind the same one.
        """
        limit = await self.codecs.measure(ready.files, ready.choice)
        ready.limits.append(limit)
        first = number % len(ready.sides)
        order = [*ready.sides[first:], *ready.sides[:first]]
        turns = []
        for case in ready.cases:
            console.print(f"round {number + 1} of {self.plan.rounds}: {_words(case)}")
            rounds = {side.name: await run_round(side, case, self.plan.length) for side in order}
            turns.append(Turn(case, limit, rounds))
        return turns


@asynccontextmanager
async def opened_field(plan: Plan, folder: Path) -> AsyncIterator[Field]:
    """Start PixelPipe and the peers; stop them when the block ends."""
    async with AsyncExitStack() as stack:
        contenders = {}
        for name in (OWN, *plan.peers):
            console.print(f"starting {name}")
            opened = running(name, workers=plan.workers)
            contenders[name] = await stack.enter_async_context(opened)
        codecs = await stack.enter_async_context(CodecProcess.running(plan.limit_repeats))
        yield Field(plan, folder, contenders, codecs)


async def _target(sides: Sequence[Contender], picture: Picture, asked: VariantSet) -> int | None:
    """How large the codec limit's files are to be: as the peer's, where it takes part."""
    for side in sides:
        if side.name == _MEASURE:
            return sum(map(len, (await side.outputs(picture.content, asked)).values()))
    return None


def _limit(ready: _Ready) -> LimitResult:
    return limit_of(ready.cases[0], ready.choice, ready.limits)


def _words(case: Case) -> str:
    again = ", the same bytes again" if case.same else ""
    return f"{case.picture.name}, {case.asked.name}, {clients_in_words(case.clients)}{again}"
