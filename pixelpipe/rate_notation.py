"""How a rate of requests is written."""

import re

_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", re.ASCII)


def check_rate(text: str) -> None:
    """See that `text` is a rate, such as `100/minute`.

    Raises:
        ValueError: It is none; the message goes behind the name of a setting.
    """
    if not _RATE.fullmatch(text):
        raise ValueError(
            "must be a number of requests a second, minute, hour or day, such as 100/minute, "
            f"not {text[:40]!r}"
        )
