"""Asks a server for its health over and over, in a process of its own with nothing else to do.

    overload_probe.py URL PATH...

For each line on its standard input it prints, as JSON, the milliseconds of the answers since the
line before, by path; at the end of the input it ends.
"""

import http.client
import json
import select
import sys
import time
from itertools import cycle
from urllib.parse import urlsplit

_EVERY_S = 0.05


def main() -> None:
    """Ask by turns for each of the paths."""
    url, *paths = sys.argv[1:]
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    took_ms: dict[str, list[float]] = {path: [] for path in paths}
    for path in cycle(paths):
        if select.select([sys.stdin], [], [], _EVERY_S)[0]:
            if not sys.stdin.readline():
                return
            print(json.dumps(took_ms), flush=True)
            took_ms = {path: [] for path in paths}
        began = time.perf_counter()
        connection.request("GET", path)
        connection.getresponse().read()
        took_ms[path].append((time.perf_counter() - began) * 1000)


if __name__ == "__main__":
    main()
