from collections.abc import AsyncIterator

import pytest

from event_stream import Event, read_events


async def _events(stream: bytes) -> list[Event]:
    async def lines() -> AsyncIterator[bytes]:
        for line in stream.splitlines(keepends=True):
            yield line

    return [event async for event in read_events(lines())]


async def test_an_event_is_its_id_name_and_data() -> None:
    assert await _events(b'id: 7\nevent: job.started\ndata: {"seq": 2}\n\n') == [
        Event("7", "job.started", {"seq": 2})
    ]


async def test_comments_and_unknown_fields_are_passed_over() -> None:
    stream = b": heartbeat\n\nretry: 1000\n\n: again\nid: 1\nevent: a\nshape: round\ndata: {}\n\n"

    assert await _events(stream) == [Event("1", "a", {})]


async def test_data_of_several_lines_is_one_document() -> None:
    stream = b'data: {"a":\r\ndata:1}\r\n\r\n'

    assert await _events(stream) == [Event("", "message", {"a": 1})]


async def test_an_id_lasts_until_the_next_and_the_name_does_not() -> None:
    stream = b"id: 1\nevent: a\ndata: {}\n\ndata: {}\n\nid: 2\ndata: {}\n\n"

    events = await _events(stream)

    assert [(event.id, event.name) for event in events] == [
        ("1", "a"),
        ("1", "message"),
        ("2", "message"),
    ]


@pytest.mark.parametrize("stream", [b"id: 1\nevent: a\ndata: {}\n", b"event: a\n\n"])
async def test_what_has_no_end_or_no_data_is_no_event(stream: bytes) -> None:
    assert await _events(stream) == []
