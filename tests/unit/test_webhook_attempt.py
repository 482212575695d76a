"""What receivers may ask for."""

from datetime import UTC, datetime

import pytest

from pixelpipe.webhooks.attempt import retry_after_s

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("86400", 86400),
        ("86401", 86400),
        ("9" * 5000, 86400),
        ("-5", 0),
        ("1.5", 0),
        ("\u0663", 0),
        ("soon", 0),
        ("Tue, 01 Jan 2030 12:01:00 GMT", 60),
        ("Tue, 01 Jan 2030 12:01:00 -0000", 60),
        ("Tue, 01 Jan 2030 11:59:00 GMT", 0),
        ("Fri, 01 Jan 2040 00:00:00 GMT", 86400),
        ("Tue, 99 Jan 2030 12:01:00 GMT", 0),
        ("Tue, 01 Jan 99999999999999999999 12:01:00 GMT", 0),
        ("Tue, 01 Jan 2030 12:01:00 +9999999999999", 0),
        ("Tue, 01 Jan 2030 12:01:00 +2400", 0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86400),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(
    value: str | None, seconds: float
) -> None:
    assert retry_after_s(value, NOW) == seconds
