"""Starting worker processes, and knowing for certain when they have ended."""

import contextlib
import json
import multiprocessing
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pkgutil import resolve_name
from select import poll

from pixelpipe.engine.arena import Segment
from pixelpipe.engine.confinement import Confinement, SandboxMode, SandboxReport, read_report

WORKER_MAIN = "pixelpipe.engine.worker:main"

_EXIT_CODE_S = 10.0
_HELLO_BYTES = 4096
_PRELOAD = ["pixelpipe.engine.preload"]


class WorkerStartError(Exception):
    """A worker did not come up."""


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker that said hello.

    Attributes:
        channel: The server's end, non-blocking.
        pidfd: Readable once the process has ended; unlike a pid it never means another process.
        forkserver_pid: The process that forked it.
        sandbox: What it has given up.
    """

    process: ForkServerProcess
    channel: socket.socket
    pidfd: int
    forkserver_pid: int
    sandbox: SandboxReport

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


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A worker that was started.

    Attributes:
        channel: The server's end, non-blocking; readable once it has said hello, or has ended.
    """

    process: ForkServerProcess
    channel: socket.socket

    def greeted(self) -> WorkerProcess:
        """The worker, of which something can be read.

        Raises:
            WorkerStartError: It is no hello, or it has no sandbox where one is required.
        """
        try:
            message, descriptors, _, _ = socket.recv_fds(self.channel, _HELLO_BYTES, 1)
            (pidfd,) = descriptors
        except (OSError, ValueError) as error:
            raise WorkerStartError(f"a worker did not say hello: {error!r}") from error
        try:
            forkserver_pid, sandbox = _read_hello(message)
            return WorkerProcess(self.process, self.channel, pidfd, forkserver_pid, sandbox)
        except WorkerStartError:
            os.close(pidfd)
            raise


class Spawner:
    """Starts workers from a forkserver that has the codecs loaded.

    What they run is named, not imported: the server process never loads the codecs.
    multiprocessing blocks while it starts a process and its bookkeeping is not safe across
    threads, so one thread does all of it.
    """

    def __init__(self, main: str, arena: Segment, confinement: Confinement | None = None) -> None:
        self._main = main
        self._arena = arena
        self._confinement = confinement or Confinement()
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOAD)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spawner")

    @property
    def thread(self) -> ThreadPoolExecutor:
        """The thread in which `start`, `give_up` and `exit_code` must run."""
        return self._thread

    def start(self) -> Newcomer:
        """Start a worker; it is up once it has said hello.

        Raises:
            WorkerStartError: There is no process.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._start_process(theirs)
        except Exception as error:
            # The end of the channel is the end of a worker that did come up.
            ours.close()
            raise WorkerStartError(f"a worker did not start: {error!r}") from error
        ours.setblocking(False)
        return Newcomer(process, ours)

    def give_up(self, newcomer: Newcomer) -> None:
        """End a worker that has not said hello; nobody else would."""
        newcomer.channel.close()
        if newcomer.process.exitcode is None:
            newcomer.process.kill()

    def _start_process(self, channel: socket.socket) -> ForkServerProcess:
        process = self._context.Process(
            target=_enter,
            args=(self._main, channel, self._arena, self._confinement),
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


def _enter(main: str, channel: socket.socket, arena: Segment, confinement: Confinement) -> None:
    resolve_name(main)(channel, arena, confinement)


def _read_hello(message: bytes) -> tuple[int, SandboxReport]:
    """Who forked the worker, and what it has given up."""
    try:
        hello = json.loads(message)
        forkserver_pid, report = int(hello["forkserver"]), read_report(hello["sandbox"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WorkerStartError(f"a worker did not say hello: {error!r}") from error
    if report.mode is SandboxMode.REQUIRE and not report.seccomp:
        why = "; ".join(report.missing)
        raise WorkerStartError(f"a sandbox is required, which this machine lacks: {why}")
    return forkserver_pid, report


def has_ended(pidfd: int) -> bool:
    """Whether the process of this pidfd has ended."""
    poller = poll()
    poller.register(pidfd)
    return bool(poller.poll(0))
