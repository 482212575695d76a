"""What a client prefers: `Prefer: wait` (RFC 7240) and `Accept` (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Iterable

MAX_WAIT_S = 300

_WAIT = re.compile(r'wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.IGNORECASE | re.DOTALL)
_Q = re.compile(r"(?:^|;)\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)


def preferred_wait_s(prefer: Iterable[str]) -> int | None:
    """Seconds that the client is willing to wait, at most `MAX_WAIT_S`; None when it did not say.

    Args:
        prefer: The values of all `Prefer` fields. The first `wait` counts; what is not understood
            is passed over, as RFC 7240 wants.
    """
    for value in prefer:
        for preference in value.split(","):
            if found := _WAIT.fullmatch(preference.strip()):
                return min(int(found[1]), MAX_WAIT_S)
    return None


def prefers(accept: str, wanted: str, otherwise: str) -> bool:
    """Whether `accept` ranks the media type `wanted` strictly above `otherwise`."""
    return _quality(accept, wanted) > _quality(accept, otherwise)


def _quality(accept: str, media_type: str) -> float:
    """The weight that the most specific matching range of `accept` gives; 0 for none."""
    kind = media_type.partition("/")[0]
    ranks = {media_type: 3, f"{kind}/*": 2, "*/*": 1}
    best_rank, best_quality = 0, 0.0
    for item in accept.split(","):
        media_range, _, parameters = item.partition(";")
        rank = ranks.get(media_range.strip().lower(), 0)
        if rank > best_rank:
            best_rank, best_quality = rank, _weight(parameters)
    return best_quality


def _weight(parameters: str) -> float:
    found = re.search(
        r"(?:^|;)\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", parameters, re.IGNORECASE
    )
    return min(float(found[1]), 1.0) if found else 1.0
