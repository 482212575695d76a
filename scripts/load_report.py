"""What a load did, in figures."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from load import Sample


@dataclass(frozen=True, slots=True)
class Latency:
    """Latencies in milliseconds."""

    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a load did.

    Attributes:
        seconds: From the first request to the last answer.
        jobs: Requests sent.
        errors: How many failed, by what came instead of the answer.
        jobs_per_s: Those that succeeded, by the second.
        details: What the first answer of each such kind said of it, where one did.
        latency_ms: Of those that succeeded; None where none did.
        sent_bytes: Images sent.
        received_bytes: Pictures made.
    """

    seconds: float
    jobs: int
    errors: dict[str, int]
    details: dict[str, str]
    jobs_per_s: float
    latency_ms: Latency | None
    sent_bytes: int
    received_bytes: int


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all values do not exceed (nearest rank).

    Args:
        values: At least one, in any order.
        percent: Above 0, at most 100.
    """
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[rank - 1]


def summarize(samples: Sequence[Sample], seconds: float) -> Report:
    """Sum up the samples of one load that lasted so many seconds."""
    errors = Counter(s.reply.error for s in samples if s.reply.error is not None)
    latencies_ms = [s.latency_s * 1000 for s in samples if s.reply.error is None]
    return Report(
        seconds=seconds,
        jobs=len(samples),
        errors=dict(errors.most_common()),
        details=_first_details(samples),
        jobs_per_s=len(latencies_ms) / seconds,
        latency_ms=_latency(latencies_ms) if latencies_ms else None,
        sent_bytes=sum(s.reply.sent_bytes for s in samples),
        received_bytes=sum(s.reply.received_bytes for s in samples),
    )


def _first_details(samples: Sequence[Sample]) -> dict[str, str]:
    details: dict[str, str] = {}
    for reply in (sample.reply for sample in samples):
        if reply.error is not None and reply.detail is not None:
            details.setdefault(reply.error, reply.detail)
    return details


def _latency(values_ms: Sequence[float]) -> Latency:
    return Latency(*(percentile(values_ms, percent) for percent in (50, 95, 99, 100)))
