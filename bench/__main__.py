"""`python -m bench`, the same as `make bench`: measure, show the table, write the JSON."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
from datetime import date
from pathlib import Path

import uvloop

from bench import (
    bursts,
    deciding,
    figures,
    latency,
    overriding,
    planning,
    releases,
    report,
    restarts,
    services,
)
from bench.report import Results
from bench.stage import Scale, staged

FULL = Scale(objects=1000, rounds=3, samples=240, quiet=5.0, idle=60.0)
QUICK = Scale(objects=20, rounds=1, samples=5, quiet=1.5, idle=2.0)
AT_ONCE, A_SECOND = (0.0, 0.0), (1.0, 1.0)
STARTUP = 10.0, 20.0
"""Seconds that pods take where many releases go on at a time."""
PARTS = ("decisions", "bursts", "releases", "services", "many")
WIDE_OBJECTS = 200
"""Objects on every fleet but the first."""


def main() -> None:
    gc.set_threshold(50_000, 50, 100)
    arguments = _arguments()
    try:
        uvloop.run(_interruptible(arguments))
    except asyncio.CancelledError:
        raise SystemExit("stopped") from None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Atoll beside a bare loop.")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether all works, not how fast")
    parser.add_argument("--members", type=int, nargs="+", metavar="N", help="sizes of the fleets (3 10)")
    parser.add_argument("--objects", type=int, metavar="N", help="Deployments on the first fleet (1000)")
    parser.add_argument("--rounds", type=int, metavar="N", help="bursts of each side (3)")
    parser.add_argument("--samples", type=int, metavar="N", help="single updates of each side (240); 0: none")
    parser.add_argument("--releases", type=int, metavar="N", help="releases at a time (200)")
    parser.add_argument("--services", type=int, metavar="N", help="Services in each member (200)")
    parser.add_argument("--many", type=int, metavar="N", help="objects of two kinds (5000)")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--profile", type=Path, metavar="FOLDER", help="leave a cProfile of each controller")
    default = Path(f"bench-{date.today().isoformat()}.json")
    parser.add_argument("--output", type=Path, default=default, metavar="FILE", help="the JSON (%(default)s)")
    return parser.parse_args()


async def _interruptible(arguments: argparse.Namespace) -> None:
    """A SIGTERM takes the fleet down as Ctrl-C does."""
    task = asyncio.ensure_future(_bench(arguments))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


async def _bench(arguments: argparse.Namespace) -> None:
    results, parts = Results(), arguments.only or PARTS
    for part in parts:
        await _MEASURED[part](results, arguments)
        report.write(results, arguments.output)  # a long run that is stopped later was not in vain
    report.show(results.figures)
    print(f"every measurement: {arguments.output}")


async def _decisions(results: Results, arguments: argparse.Namespace) -> None:
    """What needs no server."""
    results.rates = deciding.run(0.1 if arguments.quick else 3.0)
    results.figures += figures.of_rates(results.rates)
    size = (20, 3) if arguments.quick else (1000, 20)
    results.figures.append(figures.of_planning(planning.run(*size)))


def _members(arguments: argparse.Namespace) -> list[int]:
    return arguments.members or ([2] if arguments.quick else [3, 10])


def _scale(arguments: argparse.Namespace) -> Scale:
    given = {name: getattr(arguments, name) for name in ("objects", "rounds", "samples")}
    chosen = {name: value for name, value in given.items() if value is not None}
    return (QUICK if arguments.quick else FULL)._replace(**chosen)


async def _bursts(results: Results, arguments: argparse.Namespace) -> None:
    scale, (first, *others) = _scale(arguments), _members(arguments)
    await _narrow(results, first, scale, arguments.profile)
    for members in others:
        wide = scale._replace(objects=min(scale.objects, WIDE_OBJECTS))
        await _wide(results, members, wide, arguments.profile)


async def _narrow(results: Results, members: int, scale: Scale, profile: Path | None) -> None:
    """The first fleet: bursts, single updates, and all that is to cost nothing."""
    print(f"host and {members} members, {scale.objects} Deployments", flush=True)
    async with staged(members, scale, profile) as stage:
        measured = await bursts.run(stage, tune=scale.rounds > 1, calm=True)
        results.bursts.append(measured)
        if scale.samples:
            results.latencies = await latency.run(stage)
    results.figures += figures.of_bursts(measured, 0.6, 0.7)
    if results.latencies:
        results.figures += figures.of_latencies(results.latencies)
    if measured.steady:
        results.figures += figures.of_steady(measured.steady)
    results.figures += figures.of_process(measured)


async def _releases(results: Results, arguments: argparse.Namespace) -> None:
    """One release alone, of pods ready at once and of pods that take their time, then many at a time."""
    members, scale = _members(arguments)[0], _scale(arguments)
    many = _wished(arguments.releases, arguments, 3, 200)
    print(f"host and {members} members, 1 release and {many} at a time", flush=True)
    async with staged(members, scale, arguments.profile) as stage, stage.leading():
        paced = ((1, AT_ONCE), (1, A_SECOND), (many, STARTUP))
        for runs, startup in paced if scale.rounds > 1 else ((1, AT_ONCE), (many, AT_ONCE)):
            measured = await releases.run(stage, runs, startup)
            results.releases.append(measured)
            results.figures += figures.of_releases(measured)


async def _services(results: Results, arguments: argparse.Namespace) -> None:
    """Services that every member exports, and every member imports."""
    members = _members(arguments)[0]
    many = _wished(arguments.services, arguments, 3, 200)
    print(f"host and {members} members, {many} Services in each", flush=True)
    async with staged(members, _scale(arguments), arguments.profile) as stage:
        results.services = await services.run(stage, many)
    results.figures += figures.of_services(results.services)


async def _many(results: Results, arguments: argparse.Namespace) -> None:
    """A start over many objects, and an override that concerns many workloads in one cluster."""
    scale = _scale(arguments)
    started = _wished(arguments.many, arguments, 10, 5000)
    print(f"host and 2 members, {started} Deployments and ConfigMaps", flush=True)
    async with staged(2, scale, arguments.profile) as stage:
        results.restart = await restarts.run(stage, started)
    results.figures += figures.of_restart(results.restart)
    edited, members = scale.objects, _members(arguments)[-1]
    print(f"host and {members} members, an override of {edited} Deployments in one", flush=True)
    async with staged(members, scale, arguments.profile) as stage:
        results.edit = await overriding.run(stage, edited)
    results.figures += figures.of_edit(results.edit)


def _wished(given: int | None, arguments: argparse.Namespace, quick: int, full: int) -> int:
    if given is not None:
        return given
    return quick if arguments.quick else full


async def _wide(results: Results, members: int, scale: Scale, profile: Path | None) -> None:
    """A fleet with more members: does anything grow that must not?"""
    print(f"host and {members} members, {scale.objects} Deployments", flush=True)
    async with staged(members, scale, profile) as stage:
        measured = await bursts.run(stage, tune=True)
    results.bursts.append(measured)
    results.figures += figures.of_bursts(measured, 0.7, 0.7)


_MEASURED = {
    "decisions": _decisions,
    "bursts": _bursts,
    "releases": _releases,
    "services": _services,
    "many": _many,
}


if __name__ == "__main__":
    main()
