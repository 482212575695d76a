"""What a worker gives up at its start, so that its end leaves nothing."""

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Have the kernel SIGKILL this process when the one that forked it ends (prctl(2))."""
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def ignore_interrupts() -> None:
    """Leave what a terminal sends to the whole group to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def ignore_terminal() -> None:
    """Leave signals to the whole group to the server, which ends its workers itself."""
    ignore_interrupts()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def no_core_dumps() -> None:
    """Keep other people's pixels out of core files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def close_inherited(keep: int) -> None:
    """Close every descriptor but `keep`; the standard three become /dev/null.

    The forkserver's life line is among them: while a worker held it, the forkserver would outlive
    a killed server.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(3, keep)
    os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))


def no_new_privileges() -> None:
    """Have no program that it could run give it more than it has (prctl(2)); seccomp needs this."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")


def drop_capabilities() -> None:
    """Give up what root may do and others may not, raising limits for instance (capset(2))."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    if _libc.capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")
