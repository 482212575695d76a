"""Types of command-line arguments: what they take, and what they say of anything else."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def amount(text: str) -> float:
    """A finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """One of these names."""

    def name(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(names)}")
        return text

    return name


def listed(each: Callable[[str], Value]) -> Callable[[str], list[Value]]:
    """Values of one type with commas between; none is taken twice."""

    def values(text: str) -> list[Value]:
        return list(dict.fromkeys(each(part.strip()) for part in text.split(",")))

    return values


def writable_file(text: str) -> Path:
    """A file that can be written: what takes minutes to measure must not be lost in the end."""
    try:
        with Path(text).open("a"):
            return Path(text)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot write {text}: {error.strerror}") from None
