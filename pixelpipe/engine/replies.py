"""The server's side of replies: nothing from a worker is believed before it is checked here."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pixelpipe.engine.protocol import LENGTH, MAX_REPLY_BYTES
from pixelpipe.formats.registry import Format
from pixelpipe.recipes.facts import Facts

Ticket = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0, le=2**48)]
Milliseconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class ProtocolFaultError(Exception):
    """A worker sent what it must not; it is not to be trusted again."""


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    ticket: Ticket


class CodecCalled(_Reply):
    """The codec is about to be called for the source; the count is kept at that only call."""

    outcome: Literal["codec-called"]
    decodes: Literal[1]


class Decoded(_Reply):
    """The pixels are in their lease."""

    outcome: Literal["decoded"]
    decode_ms: Milliseconds


Side = Annotated[int, Field(ge=1, le=2**20)]
Color = Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]
_BASE83 = r"^[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]*$"
_BASE64 = "^[0-9A-Za-z+/]*={0,2}$"


class FactsReply(BaseModel):
    """What a worker says of a finished variant; see `Facts`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    width: Side
    height: Side
    format: Annotated[Format, Field(strict=False)]
    quality: Annotated[int, Field(ge=1, le=100)] | None
    reduced: bool
    frames: Annotated[int, Field(ge=1, le=2**20)]
    dominant: Color
    palette: Annotated[tuple[Color, ...], Field(max_length=5)]
    blurhash: Annotated[str, Field(max_length=200, pattern=_BASE83)]
    thumbhash: Annotated[str, Field(max_length=200, pattern=_BASE64)]

    def facts(self) -> Facts:
        """As the rest of the program has them."""
        return Facts(**vars(self))  # `dict` of a model takes several times as long


class MadeReply(_Reply):
    """A variant is encoded: in its output span, or in the `inline` bytes behind the frame."""

    outcome: Literal["made"]
    size: Annotated[int, Field(ge=1, le=2**40)]
    inline: Count
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    process_ms: Milliseconds
    encode_ms: Milliseconds
    facts: FactsReply


class FailedReply(_Reply):
    """The step ended with an error of the source or of the program; the worker is well."""

    outcome: Literal["failed"]
    slug: Literal[
        "damaged-image",
        "frame-limit",
        "image-too-small",
        "internal",
        "max-bytes-unreachable",
        "unsupported-format",
    ]
    detail: Annotated[str, Field(max_length=8000)]


Reply = CodecCalled | Decoded | MadeReply | FailedReply
_REPLY: TypeAdapter[Reply] = TypeAdapter(Annotated[Reply, Field(discriminator="outcome")])


class _Inline:
    """The bytes behind a frame, gathered where they will stay."""

    def __init__(self, reply: MadeReply) -> None:
        self.reply = reply
        # It grows with what comes: room for what a liar only announces would block the loop.
        self._bytes = bytearray()

    @property
    def complete(self) -> bool:
        return len(self._bytes) == self.reply.inline

    @property
    def content(self) -> memoryview:
        return memoryview(self._bytes).toreadonly()

    def take(self, data: memoryview) -> memoryview:
        """Take in what belongs to it; returns the rest."""
        count = min(len(data), self.reply.inline - len(self._bytes))
        self._bytes += data[:count]
        return data[count:]


class ReplyReader:
    """Bytes in, replies out; bounded, and never waiting for anything."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inline: _Inline | None = None

    def feed(self, data: bytes) -> None:
        """Take in what came over the channel."""
        rest = memoryview(data)
        if self._inline is not None:
            rest = self._inline.take(rest)
        self._buffer += rest

    def next(self, inline_limit: int) -> tuple[Reply, memoryview] | None:
        """The next whole reply and the bytes behind it; None until more comes.

        Args:
            inline_limit: Most bytes that may follow a frame.

        Raises:
            ProtocolFaultError: What came is no reply.
        """
        if self._inline is None:
            reply = self._next_frame()
            if not isinstance(reply, MadeReply) or not reply.inline:
                return None if reply is None else (reply, memoryview(b""))
            if reply.inline != reply.size or reply.inline > inline_limit:
                raise ProtocolFaultError(f"{reply.inline} inline bytes")
            self._inline = _Inline(reply)
            self._buffer = bytearray(self._inline.take(memoryview(bytes(self._buffer))))
        if not self._inline.complete:
            return None
        inline, self._inline = self._inline, None
        return inline.reply, inline.content

    def _next_frame(self) -> Reply | None:
        if len(self._buffer) < LENGTH.size:
            return None
        length = LENGTH.unpack_from(self._buffer)[0]
        if length > MAX_REPLY_BYTES:
            raise ProtocolFaultError(f"a reply of {length} bytes")
        if len(self._buffer) < LENGTH.size + length:
            return None
        body = self._cut(LENGTH.size + length)[LENGTH.size :]
        try:
            return _REPLY.validate_json(body)
        except ValidationError as error:
            raise ProtocolFaultError("a reply that is none") from error

    def _cut(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken
