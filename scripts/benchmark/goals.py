"""What a measurement is to reach, and whether it does."""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure beside the bound that it is to keep.

    Attributes:
        what: What was measured.
        figure: What came out.
        bound: What it may be at most, or has to be at least.
        unit: Of both.
        at_least: Which of the two.
        reach: What would be better still.
    """

    what: str
    figure: float
    bound: float
    unit: str = ""
    at_least: bool = False
    reach: float | None = None

    @property
    def met(self) -> bool:
        """Whether the bound is kept."""
        return self.figure >= self.bound if self.at_least else self.figure <= self.bound

    def __str__(self) -> str:
        """In words: "met: the server's CPU: 3.1 ms, at most 4 ms"."""
        unit = f" {self.unit}" if self.unit else ""
        side = "at least" if self.at_least else "at most"
        reach = "" if self.reach is None else f" (reach for {self.reach:g})"
        bound = f"{side} {self.bound:.4g}{unit}{reach}"
        return f"{'met' if self.met else 'MISSED'}: {self.what}: {self.figure:.3g}{unit}, {bound}"

    @property
    def json(self) -> dict[str, Any]:
        """For a file; null for a figure that never came to be."""
        figure = self.figure if math.isfinite(self.figure) else None
        return dataclasses.asdict(self) | {"figure": figure, "met": self.met}


def print_goals(console: Console, goals: Iterable[Goal]) -> None:
    """One line each."""
    for goal in goals:
        console.print(str(goal), style="green" if goal.met else "red", highlight=False)
