"""What was seen in a run of chaos, and how it is told."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

Tell = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """What was seen.

    Attributes:
        counts: How often what happened.
        slowest_s: The longest that something took, by what it is.
        sizes: Bytes and other figures, as they are shown.
        violations: What should not be, in plain words.
    """

    counts: Counter[str] = field(default_factory=Counter)
    slowest_s: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def took(self, what: str, since: float) -> None:
        """Note how long something took that began at `since` of the monotonic clock."""
        lasted_s = time.monotonic() - since
        self.slowest_s[what] = max(lasted_s, self.slowest_s.get(what, 0.0))


def show(outcome: Outcome, title: str, console: Console) -> None:
    """Print the figures, and below them each violation on a line of its own."""
    table = Table(title=title, show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for what, times in outcome.counts.items():
        table.add_row(what, str(times))
    for what, longest_s in outcome.slowest_s.items():
        table.add_row(f"longest {what}", f"{longest_s:.2f} s")
    for what, size in outcome.sizes.items():
        table.add_row(what, size)
    table.add_row("violations", str(len(outcome.violations)))
    console.print(table)
    for violation in outcome.violations:
        console.print(violation, markup=False, highlight=False, soft_wrap=True)
