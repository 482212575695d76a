"""The chart of a comparison: CPU time by the job, a panel for each set."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.pictures import PHOTO
from benchmark.results import OWN, Comparison, LimitResult, Result
from benchmark.rounds import clients_in_words

_OWN_COLOR, _PEER_COLOR, _LIMIT_COLOR, _INK = "#c2410c", "#94a3b8", "#0f172a", "#1e293b"
_WIDTH_IN, _ROW_IN, _FRAME_IN, _DPI = 9.0, 0.34, 1.15, 150
_ROOM = 1.22
_COLUMNS = 2


def draw(comparison: Comparison, clients: int, file: Path, note: str) -> None:
    """Draw the photograph's figures into a PNG.

    Args:
        comparison: What was measured.
        clients: The number of clients that is shown.
        file: Where it goes.
        note: What stands below: the machine.
    """
    panels = _panels(comparison, clients)
    lines = -(-len(panels) // _COLUMNS)
    tallest = max(len(results) for _, results in panels)
    height_in = lines * (tallest * _ROW_IN + _FRAME_IN) + 0.7
    figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
    axes = figure.subplots(lines, _COLUMNS, squeeze=False)
    for place, panel in zip(axes.flat, panels, strict=False):
        _draw_panel(place, *panel)
    for place in axes.flat[len(panels) :]:
        place.set_axis_off()
    who = clients_in_words(clients)
    figure.suptitle(
        f"CPU time by the job, ms, whole process tree, {who} (less is better)",
        color=_INK,
        fontsize=12,
        fontweight="bold",
    )
    figure.supxlabel(note, color=_INK, fontsize=8)
    figure.savefig(file, format="png", dpi=_DPI)


def _panels(comparison: Comparison, clients: int) -> list[tuple[LimitResult, list[Result]]]:
    return [
        (
            limit,
            [
                each
                for each in comparison.results
                if (each.picture, each.asked) == (limit.picture, limit.asked)
                and each.clients == clients
                and not each.same
            ],
        )
        for limit in comparison.limits
        if limit.picture == PHOTO
    ]


def _draw_panel(axes: Axes, limit: LimitResult, results: Sequence[Result]) -> None:
    names = [each.contender for each in results]
    colors = [_OWN_COLOR if name == OWN else _PEER_COLOR for name in names]
    bars = axes.barh(names, [each.cpu_ms for each in results], color=colors, height=0.72)
    labels = [_label(each) for each in results]
    axes.bar_label(bars, labels, padding=3, color=_INK, fontsize=8)
    axes.axvline(limit.total_ms, color=_LIMIT_COLOR, linewidth=1.2, linestyle="--")
    axes.annotate(
        f"L {limit.total_ms:.0f}: the codecs alone",
        (limit.total_ms, 1.0),
        (2, 3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color=_LIMIT_COLOR,
        fontsize=8,
    )
    axes.set_title(limit.asked, loc="left", color=_INK, fontsize=10, fontweight="bold", pad=16)
    axes.set_xlim(0, _ROOM * max(limit.total_ms, *(each.cpu_ms for each in results)))
    axes.invert_yaxis()
    axes.tick_params(labelsize=8, colors=_INK)
    axes.spines[["top", "right"]].set_visible(False)


def _label(each: Result) -> str:
    if each.contender == OWN:
        return f"{each.cpu_ms:.0f}   ({each.to_limit:.1f} L)"
    return f"{each.cpu_ms:.0f}   ({each.to_pixelpipe:.1f} x)"
