"""What a client prefers: `Prefer: wait` (RFC 7240) and `Accept` (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Iterable, Sequence

from aiohttp import web

from pixelpipe.formats.registry import FORMATS, WRITABLE, Format
from pixelpipe.recipes.tasks import UNIVERSAL

MAX_WAIT_S = 300

_WAIT = re.compile(r'wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.IGNORECASE | re.DOTALL)
# More digits than the RFC has, and none before the point: Java's own client sends `q=.2`.
_Q = re.compile(
    r"(?:^|;)\s*q\s*=\s*(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})\d*\s*(?:;|$)", re.IGNORECASE | re.ASCII
)


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


def accept_of(request: web.Request) -> str:
    """The `Accept` of a request, all its fields together."""
    return ",".join(request.headers.getall("Accept", ()))


def accepted_formats(accept: str) -> frozenset[Format]:
    """The formats that a client can show.

    What is named, and JPEG and PNG, unless they are refused or only others are named. A range such
    as `image/*` says nothing of the newer ones: browsers that cannot show them send it too. A
    client that names no picture at all speaks of the answer to its request.
    """
    named = {each for each in WRITABLE if _quality(accept, FORMATS[each].media_type) > 0}
    certain = {each for each in named if _is_named(accept, each)}
    return frozenset(certain | (named & UNIVERSAL)) or UNIVERSAL


def best_format(accept: str, offered: Sequence[Format]) -> Format:
    """Which of the offered formats the client likes best; of equals the first.

    A client that names none of them is given one that everybody can show, or else the last; if
    possible none that it refuses.
    """
    accepted = accepted_formats(accept)
    shown = [each for each in offered if each in accepted]
    if not shown:
        rest = [e for e in offered if _quality(accept, FORMATS[e].media_type) > 0] or offered
        return next((each for each in rest if each in UNIVERSAL), rest[-1])
    return max(shown, key=lambda each: _quality(accept, FORMATS[each].media_type))


def _is_named(accept: str, wanted: Format) -> bool:
    ranges = (item.partition(";")[0].strip().lower() for item in accept.split(","))
    return FORMATS[wanted].media_type in ranges


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
    found = _Q.search(parameters)
    return min(float(found[1]), 1.0) if found else 1.0
