"""Kills a server, its workers or nodes, or overloads it, and checks that nothing is lost.

Serves over a temporary folder, on a port of its own. Nothing else on the machine is touched.
"""

import argparse
import asyncio
import os
import random
import sys

import aiohttp
from rich.console import Console

from argument_types import amount, count
from chaos_cluster_weather import FAULTS, S3_FAULTS, Weather
from chaos_outcome import Outcome, show
from chaos_overload import OverloadChaos, overload_chaos
from chaos_overload_verdict import Bounds
from chaos_processes import mark_children
from chaos_server import ServerChaos, server_chaos
from chaos_workers import WorkersChaos, workers_chaos
from server_process import ServerStartError

# What is over is to be gone while we still look. That a killed server has left its segment to
# multiprocessing's resource tracker, which says so, is as it should be.
_ENVIRONMENT = {
    "PIXELPIPE_UPKEEP_S": "1",
    "PIXELPIPE_ARENA_IDLE_S": "1",
    "PYTHONWARNINGS": "ignore:resource_tracker",
}
_EACH_KILL_S = 30.0
# The load comes from few addresses; how long answers take is in the log.
_OVERLOAD_ENVIRONMENT = {
    "PIXELPIPE_CLIENT_CONNECTIONS": "5000",
    "PIXELPIPE_LOG_LEVEL": "info",
}

console = Console(stderr=True)


def main() -> int:
    """Run the chaos.

    Returns:
        The exit code: 0 when everything held.
    """
    options = _parse_arguments()
    os.environ.update(_ENVIRONMENT)
    if options.what == "overload":
        os.environ.update(_OVERLOAD_ENVIRONMENT, PIXELPIPE_QUEUE_LIMIT=str(options.queue))
    try:
        outcome = asyncio.run(_run(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except (ServerStartError, aiohttp.ClientError) as error:
        sys.exit(f"scripts/chaos: {error}; seed {options.seed}")
    except TimeoutError:
        sys.exit(f"scripts/chaos: given up after {_limit_s(options):.0f} s; seed {options.seed}")
    show(outcome, f"chaos: {options.what}, seed {options.seed}", Console())
    return 1 if outcome.violations else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    kinds = parser.add_subparsers(dest="what", required=True)
    server = kinds.add_parser("server", help="kill the server and start it again")
    server.add_argument("--kills", type=count, default=50, metavar="N", help="default 50")
    workers = kinds.add_parser("workers", help="kill workers of a server")
    add = workers.add_argument
    add("--for", dest="for_s", type=amount, default=60.0, metavar="S", help="default 60 seconds")
    add("--every-ms", type=amount, default=200.0, metavar="MS", help="default 200")
    add("--warm-up", dest="warm_up_s", type=amount, default=5.0, metavar="S", help="default 5")
    overload = kinds.add_parser("overload", help="offer a server more than it can do")
    _add_overload_options(overload)
    cluster = kinds.add_parser("cluster", help="kill nodes, and take Redis away from them")
    _add_cluster_options(cluster)
    for kind in (server, workers, overload, cluster):
        add = kind.add_argument
        add("--clients", type=count, default=4, metavar="N", help="that upload; default 4")
        add("--seed", type=count, metavar="N", help="of what is random; default: some number")
        add(
            "--patience",
            dest="patience_s",
            type=amount,
            default=60.0,
            metavar="S",
            help="how long the last jobs may take; default 60",
        )
    options = parser.parse_args()
    if options.what == "cluster":
        options.faults = _faults(cluster, options)
    if options.seed is None:
        options.seed = random.randint(1, 9999)  # noqa: S311 - no secret
    return options


def _add_cluster_options(cluster: argparse.ArgumentParser) -> None:
    add = cluster.add_argument
    add("--seconds", dest="for_s", type=amount, default=60.0, metavar="S", help="default 60")
    longest = "how long something is away; default: up to 30, or a fifth of --seconds"
    add("--away", dest="away_s", type=amount, metavar="S", help=longest)
    add("--s3", action="store_true", help="keep pictures in an S3, and take that away too")
    every = ", ".join(FAULTS | S3_FAULTS)
    add("--faults", metavar="NAME,...", help=f"of {every} (with --s3); default: all")


def _faults(cluster: argparse.ArgumentParser, options: argparse.Namespace) -> list[str]:
    possible = FAULTS | S3_FAULTS if options.s3 else FAULTS
    names = list(possible) if options.faults is None else options.faults.split(",")
    for name in names:
        if name not in possible:
            cluster.error(f"--faults: {name!r} is none of {', '.join(possible)}")
    return names


def _add_overload_options(overload: argparse.ArgumentParser) -> None:
    add = overload.add_argument
    add("--for", dest="for_s", type=amount, default=20.0, metavar="S", help="default 20 seconds")
    add("--times", type=amount, default=5.0, metavar="X", help="of its peak; default 5")
    add("--at-once", type=count, default=200, metavar="N", help="uploads at most; default 200")
    add("--queue", type=count, default=50, metavar="N", help="jobs that may wait; default 50")
    add("--width", type=count, default=2828, metavar="PX", help="of the photographs; default 2828")
    add(
        "--within-ms",
        type=amount,
        default=50.0,
        metavar="MS",
        help="longest time for refusals and health; default 50",
    )
    add("--goodput", type=amount, default=0.9, metavar="X", help="least, of the peak; default 0.9")
    add(
        "--recovery",
        dest="recovery_s",
        type=amount,
        default=5.0,
        metavar="S",
        help="longest time until it is as quick as before; default 5",
    )


async def _run(options: argparse.Namespace) -> Outcome:
    """Run the chaos that is wanted.

    Raises:
        ServerStartError: The server did not start.
        aiohttp.ClientError: It did not answer.
        TimeoutError: It took too long.
    """
    common = {
        "clients": options.clients,
        "seed": options.seed,
        "patience_s": options.patience_s,
    }
    if options.what == "cluster":
        # Needs what others do without.
        from chaos_cluster import ClusterChaos, cluster_chaos  # noqa: PLC0415

        async with asyncio.timeout(_limit_s(options)):
            weather = Weather(options.for_s, options.away_s, options.faults)
            storm = ClusterChaos(weather=weather, s3=options.s3, **common)
            return await cluster_chaos(storm, _tell)
    common["mark"] = mark_children()
    async with asyncio.timeout(_limit_s(options)):
        if options.what == "server":
            return await server_chaos(ServerChaos(kills=options.kills, **common), _tell)
        if options.what == "overload":
            bounds = Bounds(options.within_ms, options.goodput, options.recovery_s)
            load = OverloadChaos(
                for_s=options.for_s,
                times=options.times,
                at_once=options.at_once,
                width_px=options.width,
                bounds=bounds,
                **common,
            )
            return await overload_chaos(load, _tell)
        chaos = WorkersChaos(
            for_s=options.for_s,
            every_s=options.every_ms / 1000,
            warm_up_s=options.warm_up_s,
            **common,
        )
        return await workers_chaos(chaos, _tell)


def _limit_s(options: argparse.Namespace) -> float:
    """When to give up: whatever goes wrong, it ends."""
    if options.what == "server":
        return float(options.kills * _EACH_KILL_S + 5 * options.patience_s)
    if options.what == "cluster":
        return float(2 * options.for_s + (options.away_s or 0.0) + 5 * options.patience_s)
    if options.what == "overload":
        return float(2 * options.for_s + 5 * options.patience_s)
    return float(options.for_s + options.warm_up_s + 5 * options.patience_s)


def _tell(what: str) -> None:
    console.print(what, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
