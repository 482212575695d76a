"""What the rounds come to: medians, pooled latencies, and ratios of the same round each."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.limit import Choice, Limit
from benchmark.quality import VariantQuality
from benchmark.rounds import Case, Round
from load_report import percentile

OWN = "pixelpipe"


@dataclass(frozen=True, slots=True)
class Turn:
    """One case in one round: what each contender took, and what the codecs alone took then."""

    case: Case
    limit: Limit
    sides: Mapping[str, Round]


@dataclass(frozen=True, slots=True)
class Result:
    """What one contender took for one case.

    Attributes:
        picture: Name of the picture.
        asked: Name of the set.
        clients: Clients that sent at the same time.
        same: Whether the very same bytes were sent each time.
        contender: Its name.
        rounds: How many rounds the medians are of.
        jobs: Jobs of all rounds together; so many latencies the percentiles are of.
        jobs_per_s: Median.
        p50_ms: Of the latencies of all rounds together.
        p95_ms: Likewise.
        p99_ms: Likewise.
        cpu_ms: Median of the process tree's CPU time by the job.
        peak_bytes: Median of the largest PSS; 0 where it may not be looked at.
        made_bytes: Median size of the variants by the job.
        to_pixelpipe: Median of its CPU time over PixelPipe's.
        to_limit: Median of its CPU time over that of the codecs alone.
    """

    picture: str
    asked: str
    clients: int
    same: bool
    contender: str
    rounds: int
    jobs: int
    jobs_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float
    peak_bytes: float
    made_bytes: float
    to_pixelpipe: float
    to_limit: float


@dataclass(frozen=True, slots=True)
class LimitResult:
    """The codec limit of a picture and a set: medians over the rounds.

    Attributes:
        picture: Name of the picture.
        asked: Name of the set.
        decode_ms: CPU time of the decode.
        encode_ms: Of all encodes together.
        total_ms: Of both.
        choice: Which codecs, and what else was tried.
    """

    picture: str
    asked: str
    decode_ms: float
    encode_ms: float
    total_ms: float
    choice: Choice


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that was measured.

    Attributes:
        pictures: What was sent, in words, by name.
        results: By case and contender, in the order in which they were measured.
        limits: By picture and set.
        qualities: By picture, set and variant.
        refusals: What a contender could not make, and what it said.
    """

    pictures: Mapping[str, str]
    results: Sequence[Result]
    limits: Sequence[LimitResult]
    qualities: Sequence[VariantQuality]
    refusals: Sequence[str]


def results_of(turns: Sequence[Turn]) -> list[Result]:
    """One for each case and contender."""
    cases: dict[tuple[str, str, int, bool], list[Turn]] = {}
    for turn in turns:
        cases.setdefault(turn.case.key, []).append(turn)
    return [_result(name, same) for same in cases.values() for name in sorted_sides(same[0])]


def sorted_sides(turn: Turn) -> list[str]:
    """Its contenders, PixelPipe first."""
    return sorted(turn.sides, key=lambda name: (name != OWN, list(turn.sides).index(name)))


def _result(name: str, turns: Sequence[Turn]) -> Result:
    case, rounds = turns[0].case, [turn.sides[name] for turn in turns]
    latencies_ms = [latency for each in rounds for latency in each.latencies_ms]
    p50_ms, p95_ms, p99_ms = (percentile(latencies_ms, percent) for percent in (50, 95, 99))
    return Result(
        picture=case.picture.name,
        asked=case.asked.name,
        clients=case.clients,
        same=case.same,
        contender=name,
        rounds=len(rounds),
        jobs=sum(each.jobs for each in rounds),
        jobs_per_s=statistics.median(each.jobs / each.seconds for each in rounds),
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        cpu_ms=statistics.median(each.cpu_ms for each in rounds),
        peak_bytes=statistics.median(each.peak_bytes for each in rounds),
        made_bytes=statistics.median(each.made_bytes for each in rounds),
        to_pixelpipe=statistics.median(
            turn.sides[name].cpu_ms / turn.sides[OWN].cpu_ms for turn in turns
        ),
        to_limit=statistics.median(turn.sides[name].cpu_ms / turn.limit.total_ms for turn in turns),
    )


def limit_of(case: Case, choice: Choice, limits: Sequence[Limit]) -> LimitResult:
    """The limit of a case's picture and set."""
    return LimitResult(
        picture=case.picture.name,
        asked=case.asked.name,
        decode_ms=statistics.median(limit.decode_ms for limit in limits),
        encode_ms=statistics.median(limit.encode_ms for limit in limits),
        total_ms=statistics.median(limit.total_ms for limit in limits),
        choice=choice,
    )
