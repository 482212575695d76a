"""What server and workers say to each other: frames of JSON over a private channel.

A frame is a big-endian 32-bit length and that many bytes of JSON. A reply that says `inline: n`
is followed by n raw bytes. Standard library only, for both sides; how the server checks what it
gets is in `replies`.
"""

import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from pixelpipe.recipes.task import Decode, Task

MAX_REPLY_BYTES = 16 * 1024
MEMORY_EXIT = 77

LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Span:
    """A range of the arena, in bytes."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class MakeStep:
    """Make one variant. `output` is where its bytes may go; too many go through the channel."""

    ticket: int
    task: Task
    output: Span | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Steps of one job for one worker, done in order, each answered by a reply.

    Attributes:
        job: Number of the job in this engine; what a worker remembers of a job ends with it.
        decode: How the source becomes, or became, the pixels.
        pixels: Where they are.
        decode_ticket: Ticket of the decode, when it is part of the batch.
        source: Where the source's bytes are, when it is.
        source_bytes: How many.
        steps: The variants to make.
    """

    job: int
    decode: Decode
    pixels: Span
    decode_ticket: int | None
    source: Span | None
    source_bytes: int
    steps: tuple[MakeStep, ...]


def frame(message: object) -> bytes:
    """The message as it goes over the channel: of JSON's types and this module's dataclasses."""
    body = _ENCODER.encode(message).encode()
    return LENGTH.pack(len(body)) + body


def batch_frame(batch: Batch) -> bytes:
    """What `frame` gives for a batch; what was said of lately is not put into words again."""
    members = _fields(batch)
    members.pop("steps", None)
    members.pop("decode", None)
    steps = ",".join(map(_step_text, batch.steps))
    body = f'{_ENCODER.encode(members)[:-1]},"decode":{_known(batch.decode)},"steps":[{steps}]}}'
    return LENGTH.pack(len(body)) + body.encode("ascii")


def _step_text(step: MakeStep) -> str:
    # A picture on it is long, and rarely comes twice.
    task = _ENCODER.encode(step.task) if step.task.watermark else _known(step.task)
    span = step.output
    output = f'{{"offset":{span.offset},"size":{span.size}}}' if span else "null"
    return f'{{"ticket":{step.ticket},"task":{task},"output":{output}}}'


@lru_cache(maxsize=1024)
def _known(value: Task | Decode) -> str:
    return _ENCODER.encode(value)


def _fields(value: Any) -> dict[str, Any]:  # noqa: ANN401 - a dataclass, else TypeError
    # dataclasses.asdict copies everything deeply, at ten times the cost. What is just as it is
    # when nobody says, most of a task, is left out.
    told = {}
    kind: Any = type(value)
    for name, default in _members(kind):
        member = getattr(value, name)
        if member is not default:
            told[name] = member
    return told


@cache
def _members(kind: Any) -> tuple[tuple[str, object], ...]:  # noqa: ANN401 - as above
    return tuple((field.name, field.default) for field in fields(kind))


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_fields)


def decode_batch(message: dict[str, Any]) -> Batch:
    """The batch of a frame's JSON; it comes from the server and is trusted."""
    batch: Batch = _reader(Batch)(message)
    return batch


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - any type that a message has
    """What turns JSON into a value of `kind`, as its annotations say."""
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
        return lambda value: kind(**{name: readers[name](told) for name, told in value.items()})
    if isinstance(kind, UnionType):
        choices = {_shape(choice): _reader(choice) for choice in get_args(kind)}
        return lambda value: choices[_shape_of(value)](value)
    if get_origin(kind) is tuple:
        read = _reader(get_args(kind)[0])
        return lambda value: tuple(map(read, value))
    return kind if isinstance(kind, type) and issubclass(kind, Enum) else _as_it_is


def _shape(kind: Any) -> type:  # noqa: ANN401 - as above
    """How JSON shows values of `kind`, as far as the members of a union differ."""
    if kind is None or kind is NoneType:
        return NoneType
    return dict if isinstance(kind, type) and is_dataclass(kind) else object


def _shape_of(value: object) -> type:
    if value is None:
        return NoneType
    return dict if isinstance(value, dict) else object


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - as above
    return value


def read_frame(
    channel: socket.socket, on_idle: Callable[[], None] = lambda: None
) -> dict[str, Any] | None:
    """The next message from a blocking socket; None at its end. For the worker's side.

    Args:
        channel: The socket.
        on_idle: Called where the socket has a timeout (SO_RCVTIMEO) and nothing comes so long.
    """
    head = _read_exactly(channel, LENGTH.size, on_idle)
    if head is None:
        return None
    body = _read_exactly(channel, LENGTH.unpack(head)[0], on_idle)
    if body is None:
        return None
    message: dict[str, Any] = json.loads(body)
    return message


def _read_exactly(channel: socket.socket, count: int, on_idle: Callable[[], None]) -> bytes | None:
    received = bytearray()
    while len(received) < count:
        try:
            chunk = channel.recv(count - len(received))
        except BlockingIOError:
            on_idle()
            continue
        if not chunk:
            return None
        received += chunk
    return bytes(received)
