"""What a comparison consists of, from the command line."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from argument_types import amount, count, listed, one_of, writable_file
from benchmark.contenders import PEERS, can_serve
from benchmark.peer_setup import missing
from benchmark.pictures import DRAWN, PHOTO, PICTURES, SMALL, Picture, drawn, photograph
from benchmark.rounds import Case, Length
from benchmark.sets import SET_NAMES, SMALL_SET, VariantSet, variant_sets

CLIENTS = (1, 2, 4, 16)
PHOTO_PX, SMOKE_PX, SMOKE_SHRINK = (3000, 2000), (450, 360), 12
# What the drawn pictures are asked for, and what is asked for again of the same bytes: one set,
# so that everything ends within a quarter of an hour.
FEW_SET, SMOKE_SET = "bench-social", "bench-thumb"
_DESCRIPTION = """Measures PixelPipe beside the limit that its codecs set and, with --peers, beside
other programs, in the same run. The photograph is asked for all sets by each number of clients;
the small picture for three small variants by two and by most; the other drawn pictures for
bench-social by two; and once more the very same bytes are sent again and
again. With all peers this takes a quarter of an hour on two cores."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared.

    Attributes:
        photo: A file; None for a drawn photograph.
        pictures: Names of the pictures.
        sets: Names of the sets.
        clients: How many send at the same time, one after the other.
        peers: Names of the peers.
        install: Whether they are installed first.
        rounds: How many.
        length: Of each.
        workers: Worker processes, threads or whatever a contender has of them.
        smoke: Whether everything is as small as it can be.
        json: Where the figures go as well; or None.
        chart: Where the chart goes; or None.
    """

    photo: Path | None
    pictures: Sequence[str]
    sets: Sequence[str]
    clients: Sequence[int]
    peers: Sequence[str]
    install: bool
    rounds: int
    length: Length
    workers: int
    smoke: bool
    json: Path | None
    chart: Path | None

    def drawn_pictures(self) -> list[Picture]:
        """The pictures themselves.

        Raises:
            BenchError: The photograph cannot be read.
        """
        photo_px, shrink = (SMOKE_PX, SMOKE_SHRINK) if self.smoke else (PHOTO_PX, 1)
        return [
            photograph(self.photo, photo_px) if name == PHOTO else drawn(name, shrink)
            for name in self.pictures
        ]

    def cases(self, picture: Picture) -> list[Case]:
        """What is asked of the contenders with a picture."""
        if picture.name == SMALL and not self.smoke:
            (asked,) = variant_sets([SMALL_SET])
            return [Case(picture, asked, clients) for clients in self.small_clients]
        if picture.name != PHOTO:
            few = variant_sets([SMOKE_SET if self.smoke else self.few_set])
            return [Case(picture, asked, self.few_clients) for asked in few]
        cases = [
            Case(picture, asked, clients)
            for asked in variant_sets(self.sets)
            for clients in self.clients
        ]
        (again,) = variant_sets([self.few_set])
        return [*cases, Case(picture, again, self.few_clients, same=True)]

    @property
    def few_set(self) -> str:
        """The set of what is not asked for all sets: bench-social, or the first."""
        return FEW_SET if FEW_SET in self.sets else self.sets[0]

    @property
    def few_clients(self) -> int:
        """How many clients send what is not sent by each number of them: two, or the fewest."""
        return 2 if 2 in self.clients else min(self.clients)  # noqa: PLR2004 - as said

    @property
    def small_clients(self) -> list[int]:
        """How many clients send the small picture: few, and many."""
        return sorted({self.few_clients, max(self.clients)})

    @property
    def chart_clients(self) -> int:
        """The clients of whom the chart tells: two for each worker, or nearly."""
        return min(self.clients, key=lambda clients: abs(clients - 2 * self.workers))

    @property
    def limit_repeats(self) -> int:
        """How many times each figure of the codec limit is taken in a round."""
        return 1 if self.smoke else 7

    def contenders(self, asked: VariantSet) -> list[str]:
        """Who is asked for a set, PixelPipe first."""
        return ["pixelpipe", *(name for name in self.peers if can_serve(name, asked))]


def read_plan(arguments: Sequence[str], commands: Sequence[str]) -> Plan:
    """Read the command line.

    Args:
        arguments: Those of the program.
        commands: Names of its other measurements, for `--help`.
    """
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=_DESCRIPTION,
        epilog="Other measurements: "
        + ", ".join(f"scripts/bench {command} --help" for command in commands),
    )
    _add_what(parser)
    _add_how(parser)
    options = parser.parse_intermixed_args(arguments)
    return _smoke(options) if options.smoke else _plan(options)


def _add_what(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photo", nargs="?", type=Path, help="an upright JPEG; default: one is drawn")
    add(
        "--peers",
        nargs="?",
        type=listed(one_of(PEERS)),
        const=list(PEERS),
        default=[],
        metavar="PEER,PEER",
        help=f"of {', '.join(PEERS)} (default all); they are installed first, in .peers/",
    )
    add(
        "--sets",
        type=listed(one_of(SET_NAMES)),
        default=list(SET_NAMES),
        metavar="SET,SET",
        help=f"of {', '.join(SET_NAMES)} (default all)",
    )
    add(
        "--pictures",
        type=listed(one_of(PICTURES)),
        default=list(PICTURES),
        metavar="PICTURE,PICTURE",
        help=f"of {', '.join(PICTURES)} (default all)",
    )


def _add_how(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--clients",
        "-c",
        type=listed(count),
        default=list(CLIENTS),
        metavar="1,2,4,16",
        help="how many send at the same time, each number measured by itself (the default)",
    )
    add("--rounds", type=count, default=5, metavar="N", help="medians of so many (default 5)")
    add(
        "--seconds",
        type=amount,
        default=0.6,
        metavar="S",
        help="for how long jobs are begun in each round (default 0.6)",
    )
    add("--jobs", "-n", type=count, metavar="N", help="so many in each round instead")
    add("--workers", type=count, default=_cpus(), metavar="N", help="default: the CPUs there are")
    add("--json", type=writable_file, metavar="FILE", help="write the figures there as well")
    add("--chart", type=writable_file, metavar="FILE.png", help="draw them there")
    add(
        "--smoke",
        action="store_true",
        help="one tiny round of everything, with the peers that are installed: it tells nothing"
        " but that the benchmark works",
    )


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(
        photo=options.photo,
        pictures=options.pictures,
        sets=options.sets,
        clients=options.clients,
        peers=options.peers,
        install=bool(options.peers),
        rounds=options.rounds,
        length=Length(options.jobs, options.seconds),
        workers=options.workers,
        smoke=False,
        json=options.json,
        chart=options.chart,
    )


def _smoke(options: argparse.Namespace) -> Plan:
    absent = missing()
    return Plan(
        photo=None,
        pictures=[PHOTO, *DRAWN],
        sets=list(SET_NAMES),
        clients=[1],
        peers=[name for name in PEERS if name not in absent],
        install=False,
        rounds=1,
        length=Length(2, 0.0),
        workers=1,
        smoke=True,
        json=options.json,
        chart=options.chart,
    )
