"""Server processes of one machine that tell one another what is new, by Unix datagrams."""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from pixelpipe.jobs.peers import Kind, Notice
from pixelpipe.storage.folder import usable

_MOST_BYTES = 4096
_AT_ONCE = 64
# As many as a system lets wait, unless it was told another number (unix(7), max_dgram_qlen).
_CROWD = 10

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Which of several server processes over one data folder a process is.

    Attributes:
        number: From 1 on; the first does what one does for all.
        count: How many there are.
    """

    number: int = 1
    count: int = 1

    @property
    def owner(self) -> str:
        """Whose jobs its jobs are, also after it was started again."""
        return _owner(self.number)

    @property
    def others(self) -> list[int]:
        """The numbers of the others."""
        return [number for number in range(1, self.count + 1) if number != self.number]


ONLY = Place()
"""Of one process alone."""


class Neighbours:
    """`jobs.peers.Peers` for the processes of one machine.

    A notice for a process that is being started again is lost, and it looks for everything when it
    begins. So is one for a process that has too many waiting: whoever finds so many supposes that
    there was something in the journal, and in the outbox.

    Args:
        place: Which of them this is.
        folder: Where their sockets are; made if it is not there. Who may enter it is believed.

    Raises:
        FolderError: The folder cannot be used.
    """

    alone = False
    followed = True

    def __init__(self, place: Place, folder: Path) -> None:
        self.leader = place.number == 1
        self.owners = frozenset(_owner(number) for number in place.others)
        self._listeners: list[Callable[[Notice], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        with usable(f"the folder {folder}"):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)  # Something else may have been put there first.
            # By way of this, for the name of a socket has no room for long paths.
            self._folder = os.open(folder, os.O_PATH | os.O_DIRECTORY)
            self._others = [(_sender(), self._address(number)) for number in place.others]
            own = folder / str(place.number)
            own.unlink(missing_ok=True)
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.bind(self._address(place.number))

    def tell(self, notice: Notice) -> None:
        """Tell the others; see the port."""
        said = json.dumps([notice.kind, notice.about]).encode()
        for sender, address in self._others:
            try:
                sender.sendto(said, address)
            except (BlockingIOError, ConnectionRefusedError, FileNotFoundError):
                continue
            except OSError as error:
                # Who tells has done his work: it must not fail by this.
                _log.warning(
                    "another process could not be told", kind=notice.kind, error=str(error)
                )

    def listen(self, hear: Callable[[Notice], None]) -> None:
        """Call `hear` with what they tell; see the port."""
        self._listeners.append(hear)
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        """Hear and tell nothing more."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
        for each in (self._socket, *(sender for sender, _ in self._others)):
            each.close()
        os.close(self._folder)

    def _address(self, number: int) -> str:
        return f"/proc/self/fd/{self._folder}/{number}"

    def _read(self) -> None:
        count = 0
        with suppress(BlockingIOError):
            for _ in range(_AT_ONCE):
                self._take(self._socket.recv(_MOST_BYTES))
                count += 1
        if count >= _CROWD:
            for kind in (Kind.RECORDED, Kind.MESSAGE):
                self._hear(Notice(kind))

    def _take(self, said: bytes) -> None:
        try:
            kind, about = json.loads(said)
            notice = Notice(Kind(kind), str(about))
        except (TypeError, ValueError):
            _log.warning("a notice of another process cannot be read")
            return
        self._hear(notice)

    def _hear(self, notice: Notice) -> None:
        for hear in self._listeners:
            hear(notice)


def _sender() -> socket.socket:
    """One for each of the others.

    What somebody who stands still has not read counts against the socket that it was sent from:
    with one for all of them, nobody else could be told anything either.
    """
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.setblocking(False)
    return sender


def _owner(number: int) -> str:
    return f"process-{number}"
