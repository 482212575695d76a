"""The sandbox: from then on the kernel refuses a worker all that its work does not need.

A hostile file may take over the codec that reads it, and with it the worker. What is left to it is
the arena, its own memory and its channel: no file, no network, no program, no other process.

Two layers, each of which the kernel may lack. seccomp allows the few calls that computing takes,
and answers any other with EPERM, which a codec or Python reports as the error that it is. Calls
that nothing but an attack makes end the worker with SIGSYS, and so count as a strike against the
source. Landlock refuses files, TCP and signals at another place in the kernel, should the first
layer be missing or have a hole.
"""

import errno
import mmap
import os
import resource
from typing import Final

from pixelpipe.engine.confinement import SandboxMode, SandboxReport

_SECCOMP_MISSING: str | None = None
_LANDLOCK_MISSING: str | None = None
try:
    import pyseccomp
except (ImportError, OSError, RuntimeError) as error:  # RuntimeError: there is no libseccomp
    _SECCOMP_MISSING = f"seccomp: {error}"
try:
    import landlockpy
except (ImportError, OSError) as error:
    _LANDLOCK_MISSING = f"landlock: {error}"

_ALLOWED: Final = (
    # Memory that is not executable comes below.
    "brk",
    "munmap",
    "mremap",
    # Time, chance, locks.
    "clock_gettime",
    "clock_nanosleep",
    "getrandom",
    "gettimeofday",
    "nanosleep",
    "pause",
    "sched_yield",
    "futex",
    # Its own signals and its end; `abort` needs them.
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "restart_syscall",
    "sigaltstack",
    "getpid",
    "gettid",
    "exit",
    "exit_group",
    # What it closes it cannot open again.
    "close",
    # How much memory there is: the C library's `qsort` asks.
    "sysinfo",
)
_HOSTILE: Final = ("execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev")
_ON_CHANNEL: Final = ("recvfrom", "sendto", "sendmsg")
_ON_OUTPUT: Final = (1, 2)  # /dev/null
_ON_ITSELF: Final = ("kill", "tgkill")
_PROTECTED: Final = ("mmap", "mprotect")
_PROTECTION_ARGUMENT: Final = 2
# Giving pages back and asking for large ones, not MADV_REMOVE, which would punch the arena.
_ADVICE: Final = (
    mmap.MADV_DONTNEED,
    mmap.MADV_FREE,
    mmap.MADV_HUGEPAGE,
    mmap.MADV_NOHUGEPAGE,
    mmap.MADV_WILLNEED,
)
_QUICK_TREE: Final = 2


def close_in(mode: SandboxMode, channel: int) -> SandboxReport:
    """Give up what is not needed, for ever.

    Whatever a worker loads must be loaded, and what is lazy have run once. `no_new_privs` must be
    set, and there must be no other thread: Landlock holds for the one that calls.

    Args:
        mode: `off` does nothing; `try` and `require` do all that the kernel lets them.
        channel: Descriptor of the one socket that is left to it.
    """
    if mode is SandboxMode.OFF:
        return SandboxReport(mode)
    missing: list[str] = []
    # In this order: afterwards Landlock's own calls are refused.
    landlock = _restrict_access(missing)
    seccomp = _restrict_calls(channel, missing)
    return SandboxReport(mode, seccomp, landlock, tuple(missing))


def _restrict_access(missing: list[str]) -> int:
    """Give up files, TCP, and signals to others; the version of Landlock, or 0."""
    if _LANDLOCK_MISSING is not None:
        missing.append(_LANDLOCK_MISSING)
        return 0
    try:
        scope = landlockpy.Scope.SIGNAL | landlockpy.Scope.ABSTRACT_UNIX_SOCKET
        with landlockpy.Ruleset(scoped=scope) as ruleset:
            ruleset.restrict()
            return int(ruleset.abi_version)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, str(error))
        missing.append(f"landlock: the kernel does not allow it ({name})")
        return 0


def _restrict_calls(channel: int, missing: list[str]) -> bool:
    """Give up all system calls but those that computing takes."""
    if _SECCOMP_MISSING is not None:
        missing.append(_SECCOMP_MISSING)
        return False
    try:
        _filter(channel).load()
    except OSError:  # Of which kind depends on what the library tried last.
        missing.append("seccomp: the kernel, or the container around it, does not allow it")
        return False
    return True


def _filter(channel: int) -> "pyseccomp.SyscallFilter":
    allow, same = pyseccomp.ALLOW, pyseccomp.EQ
    calls = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    # 32-bit and x32 calls have other numbers, which the rules do not know.
    calls.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    calls.set_attr(pyseccomp.Attr.CTL_TSYNC, 1)
    calls.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, _QUICK_TREE)
    for name in _ALLOWED:
        _add(calls, allow, name)
    for name in _HOSTILE:
        _add(calls, pyseccomp.KILL_PROCESS, name)
    for name in _ON_CHANNEL:
        _add(calls, allow, name, pyseccomp.Arg(0, same, channel))
    for output in _ON_OUTPUT:
        _add(calls, allow, "write", pyseccomp.Arg(0, same, output))
    for name in _ON_ITSELF:
        _add(calls, allow, name, pyseccomp.Arg(0, same, os.getpid()))
    for name in _PROTECTED:
        not_executable = (pyseccomp.MASKED_EQ, mmap.PROT_EXEC, 0)
        _add(calls, allow, name, pyseccomp.Arg(_PROTECTION_ARGUMENT, *not_executable))
    for advice in _ADVICE:
        _add(calls, allow, "madvise", pyseccomp.Arg(2, same, advice))
    own_limit = (pyseccomp.Arg(0, same, 0), pyseccomp.Arg(1, same, resource.RLIMIT_AS))
    _add(calls, allow, "prlimit64", *own_limit)
    return calls


def _add(
    calls: "pyseccomp.SyscallFilter", action: int, name: str, *arguments: "pyseccomp.Arg"
) -> None:
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    if number >= 0:  # Not every architecture has every call.
        calls.add_rule(action, number, *arguments)
