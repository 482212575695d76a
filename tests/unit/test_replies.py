"""What the server makes of bytes from a worker."""

import json
import pickle
import tracemalloc
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelpipe.engine.protocol import LENGTH, MAX_REPLY_BYTES, frame
from pixelpipe.engine.replies import Decoded, MadeReply, ProtocolFaultError, ReplyReader
from tests.tasks import FACTS

MADE: dict[str, Any] = {
    "ticket": 7,
    "outcome": "made",
    "size": 3,
    "inline": 0,
    "sha256": "0" * 64,
    "process_ms": 1.5,
    "encode_ms": 2.0,
    "facts": asdict(FACTS),
}


def _read(data: bytes, inline_limit: int = 100) -> list[object]:
    reader = ReplyReader()
    reader.feed(data)
    replies: list[object] = []
    while (taken := reader.next(inline_limit)) is not None:
        replies.append(taken)
    return replies


def test_reads_replies_however_they_are_cut() -> None:
    data = frame({"ticket": 1, "outcome": "decoded", "decode_ms": 2.5}) + frame(MADE)
    reader = ReplyReader()
    replies = []
    for byte in data:
        reader.feed(bytes([byte]))
        if (taken := reader.next(0)) is not None:
            replies.append(taken[0])
    assert replies == [
        Decoded(ticket=1, outcome="decoded", decode_ms=2.5),
        MadeReply.model_validate_json(json.dumps(MADE)),
    ]


def test_takes_the_bytes_behind_a_frame() -> None:
    data = frame(MADE | {"inline": 3}) + b"\x00\x00\x05" + frame(MADE)
    replies = _read(data)
    assert [inline for _, inline in replies] == [b"\x00\x00\x05", b""]  # type: ignore[misc, has-type]


def test_half_a_message_is_waited_for() -> None:
    assert _read(frame(MADE)[:-1]) == []
    assert _read(frame(MADE | {"inline": 3}) + b"ab") == []


@pytest.mark.parametrize(
    "message",
    [
        MADE | {"outcome": "pwned"},
        MADE | {"extra": 1},
        MADE | {"ticket": "7"},
        MADE | {"ticket": 0},
        MADE | {"ticket": True},
        MADE | {"size": -1},
        MADE | {"size": 1.5},
        MADE | {"sha256": "../../etc/passwd"},
        MADE | {"process_ms": -1},
        MADE | {"facts": None},
        MADE | {"facts": asdict(FACTS) | {"width": 0}},
        MADE | {"facts": asdict(FACTS) | {"quality": 101}},
        MADE | {"facts": asdict(FACTS) | {"format": "../x"}},
        MADE | {"facts": asdict(FACTS) | {"dominant": "<b>"}},
        MADE | {"facts": asdict(FACTS) | {"palette": ["#808080"] * 6}},
        MADE | {"facts": asdict(FACTS) | {"blurhash": "0" * 201}},
        MADE | {"facts": asdict(FACTS) | {"blurhash": "<b>00</b>"}},
        MADE | {"facts": asdict(FACTS) | {"thumbhash": "javascript:"}},
        MADE | {"facts": asdict(FACTS) | {"extra": 1}},
        {"ticket": 1, "outcome": "codec-called", "decodes": 2},
        {"ticket": 1, "outcome": "failed", "slug": "not-one-of-ours", "detail": ""},
        {"ticket": 1},
        [1, 2],
        "made",
        None,
    ],
)
def test_anything_else_is_a_fault(message: object) -> None:
    with pytest.raises(ProtocolFaultError):
        _read(frame(message))


def test_numbers_that_are_none_are_a_fault() -> None:
    body = json.dumps(MADE | {"process_ms": float("nan")}).encode()
    with pytest.raises(ProtocolFaultError):
        _read(LENGTH.pack(len(body)) + body)


def test_a_pickle_is_bytes_that_are_no_reply() -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("a reply was executed",)

    body = pickle.dumps(Payload())
    with pytest.raises(ProtocolFaultError):
        _read(LENGTH.pack(len(body)) + body)


def test_an_oversized_reply_is_a_fault_before_it_is_buffered() -> None:
    with pytest.raises(ProtocolFaultError):
        _read(LENGTH.pack(MAX_REPLY_BYTES + 1))


def test_bytes_that_were_only_announced_take_no_memory() -> None:
    said = 256 * 2**20
    reader = ReplyReader()
    reader.feed(frame(MADE | {"inline": said, "size": said}) + bytes(100))
    tracemalloc.start()
    try:
        assert reader.next(said) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(("inline", "size"), [(101, 101), (2, 3)])
def test_inline_bytes_are_bounded_and_as_many_as_said(inline: int, size: int) -> None:
    with pytest.raises(ProtocolFaultError):
        _read(frame(MADE | {"inline": inline, "size": size}) + bytes(inline))


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_wait_or_fault(data: bytes) -> None:
    try:
        replies = _read(data)
    except ProtocolFaultError:
        return
    assert replies == []
