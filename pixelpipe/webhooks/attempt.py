"""One attempt to deliver a message, and what came of it."""

import email.utils
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from http import HTTPStatus

import aiohttp

import pixelpipe
from pixelpipe.jobs.ports import Delivery
from pixelpipe.outbound.trouble import reason_of
from pixelpipe.webhooks.signature import signed_headers

RETRY_AFTER_MOST_S = 24 * 3600.0
_SECONDS_DIGITS = 9
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class Verdict(Enum):
    """How an attempt ended."""

    DELIVERED = auto()
    FAILED = auto()
    UNWANTED = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    Attributes:
        verdict: How it ended.
        reason: Why, for the log.
        not_before_s: So long the receiver wants to be left alone.
    """

    verdict: Verdict
    reason: str
    not_before_s: float = 0.0


async def attempt(
    session: aiohttp.ClientSession, delivery: Delivery, keys: Sequence[bytes], now: datetime
) -> Outcome:
    """Send the message once.

    The status says it all: no redirect is followed, and the body of the answer is not read.
    """
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"PixelPipe/{pixelpipe.__version__}",
        "Accept-Encoding": "identity",
        **signed_headers(delivery.id, int(now.timestamp()), delivery.body, keys),
    }
    try:
        response = await session.post(
            delivery.url, data=delivery.body, headers=headers, allow_redirects=False
        )
    except TimeoutError:
        return Outcome(Verdict.FAILED, "timed out")
    except (aiohttp.ClientError, OSError) as error:
        return Outcome(Verdict.FAILED, reason_of(error))
    response.close()
    return _outcome(response, now)


def retry_after_s(value: str | None, now: datetime) -> float:
    """The seconds that a `Retry-After` asks for, at most a day; 0 if it cannot be read."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        wanted = float(text[:_SECONDS_DIGITS])
    else:
        try:
            date = email.utils.parsedate_to_datetime(text)
            # A date in the zone -0000 comes without one: it is UTC.
            moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, TypeError):
            return 0.0
        wanted = moment - now.timestamp()
    return min(max(wanted, 0.0), RETRY_AFTER_MOST_S)


def _outcome(response: aiohttp.ClientResponse, now: datetime) -> Outcome:
    status = response.status
    reason = f"status {status}"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome(Verdict.DELIVERED, reason)
    if status == HTTPStatus.GONE:
        return Outcome(Verdict.UNWANTED, reason)
    wanted = response.headers.get("Retry-After") if status in _BUSY else None
    return Outcome(Verdict.FAILED, reason, retry_after_s(wanted, now))
