"""What a comparison prints; every table fits 80 columns."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table

from benchmark.codec_limit import TOLERANCE
from benchmark.limit import Choice
from benchmark.quality import Likeness, VariantQuality
from benchmark.results import Comparison, LimitResult, Result
from benchmark.verdict import LIMIT, Verdict, verdicts

_MANY = 100
_MB = 1_000_000
_KB = 1000
_NOTHING = "-"
_LEGEND = """\
At so many clients: p50, p95 and p99 are latencies in ms; CPU is that of the whole process
tree in ms by the job; x is it by PixelPipe's, /L by that of the codecs alone;
MB is the largest PSS; kB are variants by the job; n is the number of jobs."""


def show(comparison: Comparison, console: Console) -> None:
    """Print everything: loads, codec limits, quality, what was refused, goals."""
    for each in report(comparison):
        console.print(each)


def report(comparison: Comparison) -> Iterator[RenderableType]:
    """What `show` prints."""
    for name, what in comparison.pictures.items():
        yield f"[bold]{name}[/]: {what}"
    yield _LEGEND
    apart = sorted(comparison.results, key=lambda each: each.same)
    for _, results in groupby(apart, lambda each: (each.picture, each.asked, each.same)):
        yield _load_table(list(results))
    yield from _limit_tables(comparison.limits)
    for _, group in groupby(comparison.qualities, lambda each: each.picture):
        of_one = list(group)
        yield _quality_table(of_one, "PSNR, dB", lambda side: f"{side.psnr_db:.1f}", area=True)
        yield _quality_table(of_one, "SSIM", lambda side: f"{side.ssim:.4f}", area=False)
    yield from (f"[yellow]not made[/]: {refusal}" for refusal in comparison.refusals)
    yield Group(*_shortfalls(comparison.qualities))
    yield _verdict_table(list(verdicts(comparison)))


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE, padding=0, pad_edge=False)
    for heading in left:
        table.add_column(heading, no_wrap=True)
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _load_table(results: Sequence[Result]) -> Table:
    first = results[0]
    again = ", the very same bytes each time" if first.same else ""
    title = f"{first.picture}, {first.asked}{again}"
    headings = ("jobs/s", "p50", "p95", "p99", "CPU", "x", "/L", "MB", "kB", "n")
    table = _table(title, ("at", ""), headings)
    for clients, group in groupby(results, lambda each: each.clients):
        for number, each in enumerate(group):
            table.add_row("" if number else str(clients), each.contender, *_cells(each))
        table.add_section()
    return table


def _cells(each: Result) -> list[str]:
    memory = f"{each.peak_bytes / _MB:.0f}" if each.peak_bytes else _NOTHING
    times = (each.jobs_per_s, each.p50_ms, each.p95_ms, each.p99_ms, each.cpu_ms)
    ratios = (_ratio(each.to_pixelpipe), _ratio(each.to_limit))
    return [*map(_short, times), *ratios, memory, f"{each.made_bytes / _KB:.0f}", str(each.jobs)]


def _ratio(figure: float) -> str:
    """With two decimals where those tell anything."""
    return f"{figure:.2f}" if figure < _MANY else f"{figure:.0f}"


def _short(figure: float) -> str:
    """With one decimal where that tells anything."""
    return f"{figure:.1f}" if figure < _MANY else f"{figure:.0f}"


def _limit_tables(limits: Sequence[LimitResult]) -> Iterator[RenderableType]:
    headings = ("decode", "encode", "L", "quality", "kB", "of target")
    table = _table("The codecs alone (L): CPU ms by the job", ("picture", "set"), headings)
    for each in limits:
        choice = each.choice
        near = choice.made_bytes / choice.target_bytes - 1 if choice.target_bytes else None
        table.add_row(
            each.picture,
            each.asked,
            *(f"{figure:.1f}" for figure in (each.decode_ms, each.encode_ms, each.total_ms)),
            str(choice.quality),
            f"{choice.made_bytes / _KB:.0f}",
            _NOTHING if near is None else _near(near),
        )
    yield table
    yield from (f"{each.picture}, {each.asked}: {_tried(each.choice)}" for each in limits)


def _near(difference: float) -> str:
    told = f"{difference:+.1%}"
    return f"[red]{told}[/]" if abs(difference) > TOLERANCE else told


def _tried(choice: Choice) -> str:
    """All that was tried, the quickest first."""
    decodes, encodes = (
        ", ".join(f"{name} {ms:.1f}" for name, ms in sorted(tried.items(), key=lambda at: at[1]))
        for tried in (choice.tried_decodes_ms, choice.tried_encodes_ms)
    )
    return f"tried to decode: {decodes}; to encode: {encodes}"


def _quality_table(
    qualities: Sequence[VariantQuality],
    what: str,
    cell: Callable[[Likeness], str],
    *,
    area: bool,
) -> Table:
    names = list(dict.fromkeys(name for each in qualities for name in each.sides))
    headings = [name.replace("-", "\n") for name in names]
    title = f"{qualities[0].picture}: {what}, to Lanczos3 and true Gaussians; lossless"
    left, right = ("set", "variant"), (*headings, *(("INTER_\nAREA",) if area else ()))
    table = _table(title, left, right)
    for asked, group in groupby(qualities, lambda each: each.asked):
        for number, each in enumerate(group):
            cells = [_side_cell(each, name, cell) for name in names]
            if area:
                cells.append(_NOTHING if each.area_db is None else f"{each.area_db:.1f}")
            shown = "" if number else asked.removeprefix("bench-")
            table.add_row(shown, each.variant, *cells)
        table.add_section()
    return table


def _side_cell(each: VariantQuality, name: str, cell: Callable[[Likeness], str]) -> str:
    side = each.sides.get(name)
    return _NOTHING if side is None else cell(side)


def _shortfalls(qualities: Sequence[VariantQuality]) -> Iterator[str]:
    """Where PixelPipe is worse than INTER_AREA; each is a failure of the comparison."""
    below = [each for each in qualities if each.below_area]
    yield from (
        f"[red]below INTER_AREA[/]: {each.picture}, {each.asked}, {each.variant}" for each in below
    )
    if not below:
        yield "PixelPipe is at INTER_AREA's PSNR or above it in every variant that is resized."


def _verdict_table(found: Sequence[Verdict]) -> Table:
    clients = list(dict.fromkeys(number for each in found for number in each.ratios))
    right = ("goal", "reach", *(f"at {number}" for number in clients), "verdict")
    title = "Goals: CPU of a peer by PixelPipe's; PixelPipe's by L; bench-small: jobs/s by a peer's"
    table = _table(title, ("set", "against"), right)
    for asked, group in groupby(found, lambda each: each.goal.asked):
        for number, each in enumerate(group):
            table.add_row(
                "" if number else asked, each.goal.against, *_verdict_cells(each, clients)
            )
        table.add_section()
    return table


def _verdict_cells(each: Verdict, clients: Sequence[int]) -> list[str]:
    goal = each.goal
    sign = "<=" if goal.against == LIMIT else ">="
    ratios = [f"{each.ratios[at]:.2f}" if at in each.ratios else _NOTHING for at in clients]
    missed = ", ".join(map(str, each.missed_at))
    verdict = f"[red]missed at {missed}[/]" if missed else "[green]met[/]"
    reach = _NOTHING if goal.reach is None else f"{goal.reach:.1f}"
    return [f"{sign} {goal.bound:.1f}", reach, *ratios, verdict]
