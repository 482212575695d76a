"""How many connections fit the limit of open files."""

from pathlib import Path

import pytest

from pixelpipe.server.wire.descriptors import (
    MOST_CONNECTIONS,
    DescriptorLimitError,
    connections_held,
    raise_limit,
)
from tests.serving import small_settings

FOLDER = Path("data")


def test_by_default_as_many_as_the_limit_holds() -> None:
    settings = small_settings(FOLDER)
    assert connections_held(settings, 1_000_000) == MOST_CONNECTIONS
    assert 200 < connections_held(settings, 1024) < 300
    assert connections_held(settings, 20_000) < 10_000


def test_as_many_as_are_asked_for() -> None:
    assert connections_held(small_settings(FOLDER, max_connections=50), 1024) == 50
    assert connections_held(small_settings(FOLDER, max_connections=50_000), 1 << 20) == 50_000


def test_more_than_the_limit_holds_are_refused() -> None:
    settings = small_settings(FOLDER, max_connections=1000)
    with pytest.raises(DescriptorLimitError) as refusal:
        connections_held(settings, 1024)
    assert str(refusal.value) == (
        "PIXELPIPE_MAX_CONNECTIONS is 1000, but the limit of 1024 open files (ulimit -Hn) holds "
        "248 connections"
    )


def test_a_limit_that_holds_none_is_refused() -> None:
    with pytest.raises(DescriptorLimitError) as refusal:
        connections_held(small_settings(FOLDER), 256)
    assert str(refusal.value) == "the limit of 256 open files (ulimit -Hn) holds 0 connections"


def test_the_limit_is_raised_to_what_is_allowed() -> None:
    assert raise_limit() == raise_limit() > 0
