"""What a load did, in figures."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from load import Sample


@dataclass(frozen=True, slots=True)
class Latency:
    """Latencies in milliseconds; zeros where nothing was measured."""

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
        latency_ms: Of those that succeeded.
        sent_bytes: Images sent.
        received_bytes: Pictures made.
    """

    seconds: float
    jobs: int
    errors: dict[str, int]
    jobs_per_s: float
    latency_ms: Latency
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
        jobs_per_s=len(latencies_ms) / seconds,
        latency_ms=_latency(latencies_ms),
        sent_bytes=sum(s.reply.sent_bytes for s in samples),
        received_bytes=sum(s.reply.received_bytes for s in samples),
    )


def _latency(values_ms: Sequence[float]) -> Latency:
    if not values_ms:
        return Latency(0.0, 0.0, 0.0, 0.0)
    return Latency(*(percentile(values_ms, percent) for percent in (50, 95, 99, 100)))
