"""Requests that are too many where no key is needed: by address."""

import pytest

from pixelpipe.config import Settings
from tests.http_jobs import refusal
from tests.serving import Client, small_settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return small_settings(
        tmp_path_factory.mktemp("data"), rate_limit="3/day", trusted_proxies="127.0.0.1"
    )


async def allowed(client: Client, address: str) -> int:
    """How many of ten requests from the address are answered."""
    headers = {"X-Forwarded-For": address}
    return sum(
        [(await client.get("/api/presets", headers=headers)).status == 200 for _ in range(10)]
    )


async def test_each_address_has_its_own_requests(client: Client) -> None:
    assert await allowed(client, "192.0.2.1") == 3
    assert await allowed(client, "192.0.2.2") == 3
    answer = await client.get("/api/presets", headers={"X-Forwarded-For": "192.0.2.1"})
    assert await refusal(answer) == (429, "rate-limited")


async def test_the_addresses_of_one_network_are_one_client(client: Client) -> None:
    assert await allowed(client, "2001:db8::1") == 3
    assert await allowed(client, "2001:db8::ffff:1") == 0
    assert await allowed(client, "2001:db8:0:1::1") == 3


async def test_uploads_say_both_what_is_left_of_the_rate_and_of_the_queue(client: Client) -> None:
    answer = await client.post("/api/jobs", headers={"X-Forwarded-For": "192.0.2.3"})
    members = {member.split(";")[0] for member in answer.headers["RateLimit"].split(", ")}
    assert '"default"' in members
