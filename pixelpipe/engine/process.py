"""Starting worker processes, and knowing for certain when they have ended."""

import contextlib
import multiprocessing
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pkgutil import resolve_name
from select import poll

WORKER_MAIN = "pixelpipe.engine.worker:main"

_HELLO_S = 120.0
_EXIT_CODE_S = 10.0
_PRELOAD = [WORKER_MAIN.partition(":")[0]]


class WorkerStartError(Exception):
    """A worker did not come up."""


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker that said hello.

    Attributes:
        channel: The server's end, non-blocking.
        pidfd: Readable once the process has ended; unlike a pid it never means another process.
        forkserver_pid: The process that forked it.
    """

    process: ForkServerProcess
    channel: socket.socket
    pidfd: int
    forkserver_pid: int

    @property
    def pid(self) -> int:
        """The process id, for logs and tests."""
        return self.process.pid or 0

    def kill(self) -> None:
        """SIGKILL it; nothing happens when it has ended already."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Close what belongs to the server; the process must have ended."""
        self.channel.close()
        os.close(self.pidfd)


class Spawner:
    """Starts workers from a forkserver that has the codecs loaded.

    What they run is named, not imported: the server process never loads the codecs.
    multiprocessing blocks while it starts a process and its bookkeeping is not safe across
    threads, so one thread does all of it.
    """

    def __init__(self, main: str, arena: str) -> None:
        self._main = main
        self._arena = arena
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOAD)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spawner")

    @property
    def thread(self) -> ThreadPoolExecutor:
        """The thread in which `start` and `exit_code` must run."""
        return self._thread

    def start(self) -> WorkerProcess:
        """Start a worker and wait for its hello.

        Raises:
            WorkerStartError: It ended, or kept silent.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._start_process(theirs)
            forkserver_pid, pidfd = _hello(ours)
        except (OSError, EOFError, ValueError) as error:
            # The end of the channel is the end of a worker that did come up.
            ours.close()
            raise WorkerStartError(f"a worker did not start: {error!r}") from error
        ours.setblocking(False)
        return WorkerProcess(process, ours, pidfd, forkserver_pid)

    def _start_process(self, channel: socket.socket) -> ForkServerProcess:
        process = self._context.Process(
            target=_enter,
            args=(self._main, channel, self._arena),
            name="pixelpipe-worker",
            daemon=True,
        )
        process.start()
        return process

    def exit_code(self, worker: WorkerProcess) -> int:
        """The exit code of a worker that has ended; it reaches us through the forkserver."""
        worker.process.join(_EXIT_CODE_S)
        code = worker.process.exitcode
        return -signal.SIGKILL if code is None else code

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()


def _enter(main: str, channel: socket.socket, arena: str) -> None:
    resolve_name(main)(channel, arena)


def _hello(channel: socket.socket) -> tuple[int, int]:
    channel.settimeout(_HELLO_S)
    message, descriptors, _, _ = socket.recv_fds(channel, 32, 1)
    if len(descriptors) != 1:
        raise ValueError("no hello")
    return int(message), descriptors[0]


def has_ended(pidfd: int) -> bool:
    """Whether the process of this pidfd has ended."""
    poller = poll()
    poller.register(pidfd)
    return bool(poller.poll(0))
