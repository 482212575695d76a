"""Measures how the CPU time of a job grows with the picture, from 0.3 to 50 megapixels.

CPU time is that of the whole process tree. `full` has the variants of `bench-full`, in the
picture's own size and with blurs and borders that grow with it; `fractions` makes a half, a third
and a sixth of it. What a job takes whatever its size, the fixed cost, is measured with a picture of
128 x 128 pixels and the same variants; what it takes beyond that, by the megapixel, is to be the
same for all sizes: within a quarter of their median.

The pictures are drawn. Those above 6 megapixels are one of 6.24 beside its mirror images, so that
they have as much detail by the pixel.
"""

import argparse
import dataclasses
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np
from rich.table import Table

from argument_types import writable_file
from benchmark.goals import Goal
from benchmark.program import Report, arguments_of, figure_table, progress, run
from benchmark.raw_jobs import RawJobs, RawUploads
from benchmark.server_threads import TreeMeter
from benchmark.sets import Spec, VariantSet
from photograph import draw_photograph
from server_process import Server, running_server

FULL, FRACTIONS = "full", "fractions"
_SETS = (FULL, FRACTIONS)
# As `bench-full` has them for a photograph of 6 megapixels.
_USUAL_MEGAPIXELS, _BLUR_SIGMA, _BAND_PX, _QUAD_SIGMA = 6, 8, 24, 12
# What is looked at to describe a variant, its colours for instance, is not larger.
_TINY_PX = (128, 128)
_DRAWN_PX = ((672, 448), (1224, 816), (2121, 1414), (3000, 2000))
_TILE_PX = (3060, 2040)
_TILED = ((1, 2), (2, 2), (4, 2))  # across and down
_QUALITY = 88
_PARTS = (2, 3, 6)
_WITHIN = 25  # percent
# Small pictures are sent more often, so that each size is looked at for about as long.
_ROUND_MEGAPIXELS, _FEWEST, _MOST = 12, 2, 24


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to be sent."""

    width: int
    height: int
    content: bytes

    @property
    def megapixels(self) -> float:
        """Its size."""
        return self.width * self.height / 1e6

    def asked(self, name: str) -> VariantSet:
        """What is wanted of it: `full`, or fractions of its size."""
        if name == FULL:
            return self._full()
        specs = (
            _jpeg(f"part{each}", resize={"width": max(1, self.width // each)}) for each in _PARTS
        )
        return VariantSet(name, tuple(specs))

    def _full(self) -> VariantSet:
        """What looks the same in every size: blurs and borders are as wide as the picture is."""
        scale = (self.megapixels / _USUAL_MEGAPIXELS) ** 0.5
        band_px = max(1, round(_BAND_PX * scale))
        specs = (
            _jpeg("blur", blur={"sigma": _BLUR_SIGMA * scale}),
            _jpeg("grayscale", grayscale=True),
            _jpeg("quad", quad={"band_px": band_px, "sigma": _QUAD_SIGMA * scale}),
        )
        return VariantSet(FULL, specs)


def _jpeg(name: str, **steps: object) -> Spec:
    return {"name": name, "format": "jpeg", "quality": 80, **steps}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one size takes.

    Attributes:
        megapixels: The size.
        cpu_ms: Median CPU time of a job.
        fixed_ms: What of it a picture of no size takes.
    """

    megapixels: float
    cpu_ms: float
    fixed_ms: float

    @property
    def by_megapixel_ms(self) -> float:
        """CPU time beyond the fixed cost, by the megapixel."""
        return (self.cpu_ms - self.fixed_ms) / self.megapixels


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark of sizes."""
    parser = arguments_of("sizes", __doc__, rounds=5)
    parser.add_argument(
        "--chart", type=writable_file, metavar="FILE.png", help="draw the figures there as well"
    )
    options = parser.parse_args(arguments)
    return run("sizes", _bench(options), options.json)


async def _bench(options: argparse.Namespace) -> Report:
    pictures = _pictures(smoke=options.smoke)
    rounds, most = (1, _FEWEST) if options.smoke else (options.rounds, _MOST)
    taken: dict[str, list[list[float]]] = {name: [[] for _ in pictures] for name in _SETS}
    async with running_server() as server:
        for number in range(rounds):
            progress.print(f"round {number + 1} of {rounds}")
            for name, by_size in taken.items():
                for picture, times_ms in zip(pictures, by_size, strict=True):
                    times_ms.append(await _cpu_ms(server, picture, picture.asked(name), most))
    costs = {name: _costs(pictures, by_size) for name, by_size in taken.items()}
    if options.chart is not None:
        # Only here: nothing else needs matplotlib.
        from benchmark.sizes_chart import draw  # noqa: PLC0415

        draw(costs, options.chart)
    return _report(costs)


def _pictures(*, smoke: bool) -> list[Picture]:
    """The tiny one, then all sizes in order."""
    sizes_px = (_TINY_PX, *(_DRAWN_PX[:2] if smoke else _DRAWN_PX))
    progress.print("drawing")
    pictures = [
        Picture(width, height, draw_photograph(width, height, quality=_QUALITY))
        for width, height in sizes_px
    ]
    return pictures if smoke else [*pictures, *_tiled()]


def _tiled() -> Iterator[Picture]:
    """Large pictures: one beside its mirror images, so that there are no seams."""
    drawn = np.frombuffer(draw_photograph(*_TILE_PX, quality=95), np.uint8)
    tile = cv2.imdecode(drawn, cv2.IMREAD_COLOR)
    assert tile is not None, "it was drawn"
    for across, down in _TILED:
        row = [tile[:, :: -1 if number % 2 else 1] for number in range(across)]
        wide = np.concatenate(row, axis=1)
        pixels = np.concatenate([wide[:: -1 if number % 2 else 1] for number in range(down)])
        encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        yield Picture(pixels.shape[1], pixels.shape[0], encoded.tobytes())


async def _cpu_ms(server: Server, picture: Picture, asked: VariantSet, most: int) -> float:
    """CPU of the whole tree by the job, one job at a time, so many of them at most."""
    jobs = round(min(most, max(_FEWEST, _ROUND_MEGAPIXELS / picture.megapixels)))
    async with RawJobs(server.url, RawUploads(picture.content, asked, uuid.uuid4().hex)) as sender:
        await sender.wait()
        meter = TreeMeter(server.pid)
        for _ in range(jobs):
            await sender.wait()
        return meter.spent_s() * 1000 / jobs


def _costs(pictures: Sequence[Picture], by_size: Sequence[Sequence[float]]) -> list[Cost]:
    fixed_ms, *sizes_ms = (median(times_ms) for times_ms in by_size)
    sized = zip(pictures[1:], sizes_ms, strict=True)
    return [Cost(picture.megapixels, cpu_ms, fixed_ms) for picture, cpu_ms in sized]


def deviation(costs: Sequence[Cost]) -> float:
    """How far the cost by the megapixel is from its median at most, as a share of that."""
    each_ms = [cost.by_megapixel_ms for cost in costs]
    middle_ms = median(each_ms)
    return max(abs(each / middle_ms - 1) for each in each_ms)


def _report(costs: dict[str, list[Cost]]) -> Report:
    goals = [
        Goal(
            f"{name}, CPU by the megapixel off its median",
            deviation(each) * 100,
            _WITHIN,
            "%",
        )
        for name, each in costs.items()
    ]
    notes = [
        f"{name}: of any job {each[0].fixed_ms:.1f} ms are fixed cost, "
        f"{each[0].fixed_ms / each[0].cpu_ms:.0%} at {each[0].megapixels:.1f} megapixels, "
        f"{each[-1].fixed_ms / each[-1].cpu_ms:.1%} at {each[-1].megapixels:.1f}."
        for name, each in costs.items()
    ]
    figures = {name: [dataclasses.asdict(cost) for cost in each] for name, each in costs.items()}
    return Report([_table(costs)], goals, figures, notes)


def _table(costs: dict[str, list[Cost]]) -> Table:
    """For each set the CPU by the job, that by the megapixel, and and that beyond fixed cost."""
    title = "CPU of all processes, ms; beyond fixed cost by the MP as well"
    headings = [f"{name}\n{what}" for name in costs for what in ("by job", "by MP", "beyond")]
    table = figure_table(title, [], ["MP", *headings])
    for row in zip(*costs.values(), strict=True):
        figures = [
            figure
            for cost in row
            for figure in (cost.cpu_ms, cost.cpu_ms / cost.megapixels, cost.by_megapixel_ms)
        ]
        table.add_row(f"{row[0].megapixels:.1f}", *(f"{figure:.1f}" for figure in figures))
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
