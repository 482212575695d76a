"""thumbor on a free port of this machine, with so many processes, none of which outlives it.

    python -m peers.thumbor_server CONFIGURATION PROCESSES

It is thumbor's own program; this only gives it a socket, says where that is, and has its children
end with it. Runs where thumbor is installed, and imports nothing of the rest.
"""

import ctypes
import importlib
import os
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1


def main(configuration: str, processes: str) -> None:
    """Serve until killed."""
    libc = ctypes.CDLL(None)
    os.register_at_fork(after_in_child=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
    server = importlib.import_module("thumbor.server")
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        options = ("--conf", configuration, "--processes", processes)
        server.main([*options, "--fd", str(listener.fileno()), "--log-level", "error"])


if __name__ == "__main__":
    main(*sys.argv[1:])
