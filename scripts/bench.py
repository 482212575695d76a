"""Measures PixelPipe: beside other programs and its codecs, or one part of it."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

# Each is a module of `benchmark` with a `main(arguments)`, loaded when asked for.
COMMANDS = ("journal", "server", "scaling", "latency", "memory", "sizes", "streams", "cluster")


def main() -> int:
    """Run what the first argument names; by default the comparison."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in COMMANDS:
        return _command(arguments[0])(arguments[1:])
    return _comparison()(arguments)


def _command(name: str) -> Callable[[Sequence[str]], int]:
    found: Callable[[Sequence[str]], int] = import_module(f"benchmark.{name}").main
    return found


def _comparison() -> Callable[[Sequence[str]], int]:
    return partial(import_module("benchmark.comparison").main, commands=COMMANDS)


if __name__ == "__main__":
    sys.exit(main())
