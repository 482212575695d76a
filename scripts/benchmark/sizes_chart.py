"""The chart of sizes: CPU time of a job over megapixels, both logarithmic."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from matplotlib.figure import Figure

_DPI = 150
_COLORS = ("#c2410c", "#0f766e")


class Point(Protocol):
    """What one size takes."""

    @property
    def megapixels(self) -> float:
        """The size."""

    @property
    def cpu_ms(self) -> float:
        """CPU time of a job."""

    @property
    def by_megapixel_ms(self) -> float:
        """CPU time beyond the fixed cost, by the megapixel."""


def draw(costs: Mapping[str, Sequence[Point]], file: Path) -> None:
    """Draw all sets into a PNG, each with the straight line that its middle size would give.

    Args:
        costs: By set, the sizes in order.
        file: Where it goes.
    """
    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.subplots()
    for color, (name, points) in zip(_COLORS, costs.items(), strict=False):
        sizes = [point.megapixels for point in points]
        axes.loglog(sizes, [point.cpu_ms for point in points], "o-", color=color, label=name)
        slope_ms = points[len(points) // 2].by_megapixel_ms
        lines_ms = [slope_ms * size for size in sizes]
        axes.loglog(sizes, lines_ms, ":", color=color, label=f"{slope_ms:.1f} ms by the megapixel")
    axes.set_xlabel("megapixels")
    axes.set_ylabel("CPU time of a job, all processes, ms")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(file, dpi=_DPI, format="png")
