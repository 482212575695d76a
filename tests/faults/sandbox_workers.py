"""Workers under an attacker's control: what each tries is the name of its task.

A task whose name is one of `ATTEMPTS` does that instead of its work, and fails with the outcome as
its detail: `done`, or the name of the error. Run inside real worker processes, in place of
`pixelpipe.engine.worker:main`; each of these mains makes its machine another one.
"""

import array
import ctypes
import errno
import mmap
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyseccomp

from pixelpipe.engine import isolation, worker
from pixelpipe.engine.arena import Segment
from pixelpipe.engine.confinement import Confinement
from pixelpipe.engine.pages import MIB
from pixelpipe.engine.protocol import MakeStep
from pixelpipe.errors import ImageTooSmallError
from pixelpipe.imaging.source import Source

DONE = "done"

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

_PTRACE_ATTACH = 16
_PR_SET_SECCOMP = 22
_PR_SET_DUMPABLE = 4
_X32_GETPID = 0x40000000 | 39
_MADV_REMOVE = 9
_NAMES = {
    "io-uring": "io_uring_setup",
    "bpf": "bpf",
    "unshare": "unshare",
    "pidfd-getfd": "pidfd_getfd",
    "vm-read": "process_vm_readv",
    "vm-write": "process_vm_writev",
    "keyctl": "keyctl",
    "userfaultfd": "userfaultfd",
    "shmget": "shmget",
    "clone3": "clone3",
    "seccomp-again": "seccomp",
    "landlock-again": "landlock_create_ruleset",
    "open-by-handle": "open_by_handle_at",
    "perf": "perf_event_open",
    "chroot": "chroot",
    "mount": "mount",
}


def _checked(result: int) -> None:
    if result == -1:
        raise OSError(ctypes.get_errno(), "")


def _call(name: str) -> Callable[[], None]:
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, _NAMES[name])
    return lambda: _checked(_libc.syscall(number, 0, 0, 0, 0, 0, 0))


def _open(path: str, flags: int) -> None:
    os.close(os.open(path, flags))


def _connect(family: socket.AddressFamily, kind: socket.SocketKind, address: object) -> None:
    with socket.socket(family, kind) as other:
        other.connect(address)  # type: ignore[arg-type]


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _thread() -> None:
    from threading import Thread  # noqa: PLC0415

    Thread(target=time.time).start()


def _raise_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard + MIB))


def _executable() -> None:
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def _make_executable() -> None:
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    protection = mmap.PROT_READ | mmap.PROT_EXEC
    _checked(_libc.mprotect(ctypes.c_void_p(address), mmap.PAGESIZE, protection))


def _punch_shared() -> None:
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    _checked(_libc.madvise(ctypes.c_void_p(address), mmap.PAGESIZE, _MADV_REMOVE))


def _ptrace() -> None:
    _checked(_libc.ptrace(_PTRACE_ATTACH, os.getppid(), 0, 0))


def _hoard() -> None:
    mmap.mmap(-1, 64 * 1024 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _pass_descriptors() -> None:
    ours, _ = socket.socketpair()
    fds = array.array("i", [ours.fileno()])
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])


ATTEMPTS: dict[str, Callable[[], object]] = {
    "read-file": lambda: _open("/etc/hostname", os.O_RDONLY),
    "write-file": lambda: _open("/tmp/pixelpipe-was-here", os.O_WRONLY | os.O_CREAT),
    "list-folder": lambda: list(Path("/").iterdir()),
    "look-at-file": lambda: Path("/etc/passwd").stat(),
    "remove-file": lambda: Path("/tmp/pixelpipe-was-here").unlink(),
    "own-memory-file": lambda: _open("/proc/self/mem", os.O_RDWR),
    "parents-memory-file": lambda: _open(f"/proc/{os.getppid()}/mem", os.O_RDONLY),
    "parents-environment": lambda: _open(f"/proc/{os.getppid()}/environ", os.O_RDONLY),
    "shared-memory": lambda: _open("/dev/shm/pixelpipe", os.O_RDWR | os.O_CREAT),
    "memory-file": lambda: os.memfd_create("it"),
    "tcp": lambda: _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 9)),
    "udp": lambda: _connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 9)),
    "unix-socket": lambda: _connect(socket.AF_UNIX, socket.SOCK_STREAM, "/run/docker.sock"),
    "abstract-socket": lambda: _connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0pixelpipe"),
    "listen": lambda: socket.create_server(("127.0.0.1", 0)).close(),
    "socketpair": lambda: socket.socketpair(),  # noqa: PLW0108 - of one type with the others
    "pass-descriptors": _pass_descriptors,
    "pipe": lambda: os.pipe(),  # noqa: PLW0108
    "duplicate": lambda: os.dup(1),
    "fork": _fork,
    "thread": _thread,
    "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "program": lambda: subprocess.run(["/bin/true"], check=True),
    "signal-parent": lambda: os.kill(os.getppid(), 0),
    "signal-all": lambda: os.kill(-1, 0),
    "signal-group": lambda: os.kill(0, 0),
    "open-process": lambda: os.pidfd_open(os.getppid()),
    "limits-of-parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE),
    "raise-limit": _raise_limit,
    "other-limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9)),
    "dumpable": lambda: _checked(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)),
    "drop-filter": lambda: _checked(_libc.prctl(_PR_SET_SECCOMP, 0, 0, 0, 0)),
    "become-other": lambda: os.setuid(1),
    "executable-memory": _executable,
    "make-executable": _make_executable,
    "punch-shared": _punch_shared,
    "schedule": lambda: os.sched_setaffinity(0, {0}),
    "nice": lambda: os.nice(-5),
    "terminal": lambda: os.ttyname(1),
    "hoard": _hoard,
    **{name: _call(name) for name in _NAMES if not name.startswith("vm-")},
}

# These no codec has a reason for.
HOSTILE: dict[str, Callable[[], object]] = {
    "become-program": lambda: os.execv("/bin/true", ["true"]),
    "ptrace": _ptrace,
    "vm-read": _call("vm-read"),
    "vm-write": _call("vm-write"),
    "x32": lambda: _libc.syscall(_X32_GETPID),
}

# These are its own business.
INNOCENT: dict[str, Callable[[], object]] = {
    "sleep": lambda: time.sleep(0.001),
    "random": lambda: os.urandom(8),
    "own-signal": lambda: os.kill(os.getpid(), 0),
    "lower-limit": lambda: resource.setrlimit(
        resource.RLIMIT_AS, resource.getrlimit(resource.RLIMIT_AS)
    ),
    "complain": lambda: os.write(2, b"a codec's warning\n"),
    "large-memory": lambda: mmap.mmap(-1, 64 * MIB).close(),
}


class HijackedWorker(worker.Worker):
    """A worker that does as its task's name says."""

    def make(self, source: Source, step: MakeStep) -> None:
        name = step.task.name
        attempt = (ATTEMPTS | HOSTILE | INNOCENT).get(name)
        if name == "defect":
            raise ZeroDivisionError("a secret of the server")
        if name == "memory":
            bytearray(64 * 1024 * MIB)
        if name == "abort":
            os.abort()
        if name == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if attempt is None:
            super().make(source, step)
            return
        raise ImageTooSmallError(_outcome(attempt))


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    except (RuntimeError, ValueError) as error:
        return str(error)
    return DONE


def main(channel: socket.socket, arena: Segment, confinement: Confinement) -> None:
    """Be a worker under an attacker's control."""
    worker.run(HijackedWorker, channel, arena, confinement)


def main_without_seccomp(channel: socket.socket, arena: Segment, confinement: Confinement) -> None:
    """The same where a container's own filter forbids seccomp."""
    forbid("seccomp", "prctl:22")
    worker.run(HijackedWorker, channel, arena, confinement)


def main_without_landlock(channel: socket.socket, arena: Segment, confinement: Confinement) -> None:
    """The same where the kernel has no Landlock."""
    forbid("landlock_create_ruleset", answer=errno.ENOSYS)
    worker.run(HijackedWorker, channel, arena, confinement)


def main_without_any(channel: socket.socket, arena: Segment, confinement: Confinement) -> None:
    """The same where neither can be had."""
    forbid("landlock_create_ruleset", answer=errno.ENOSYS)
    forbid("seccomp", "prctl:22")
    worker.run(HijackedWorker, channel, arena, confinement)


def forbid(*calls: str, answer: int = errno.EPERM) -> None:
    """Have the kernel refuse these calls, `name` or `name:first argument`."""
    isolation.no_new_privileges()
    machine = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for call in calls:
        name, _, first = call.partition(":")
        arguments = [pyseccomp.Arg(0, pyseccomp.EQ, int(first))] if first else []
        machine.add_rule(pyseccomp.ERRNO(answer), name, *arguments)
    machine.load()
