"""What may befall a cluster."""

from collections.abc import Collection
from dataclasses import dataclass

# What may happen, and how often of that many times.
FAULTS = {
    "node-killed": 6,
    "node-stopped": 3,
    "front-killed": 1,
    "redis-killed": 1,
    "redis-restarted": 1,
    "redis-away": 1,
    "redis-frozen": 1,
}
# Where the pictures are in an S3.
S3_FAULTS = {"s3-away": 1, "s3-frozen": 1}


@dataclass(frozen=True, slots=True)
class Weather:
    """What may happen.

    Attributes:
        for_s: For how long things do.
        away_s: How long Redis or the store is away at a time; None for any time up to 30 s.
        faults: Names, of `FAULTS` and `S3_FAULTS`.
    """

    for_s: float
    away_s: float | None
    faults: Collection[str]
