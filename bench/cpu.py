"""Where the CPU time of a burst goes. On a machine with neighbours this says more than the clock does."""

from __future__ import annotations

from contextlib import suppress

import psutil

from bench.fleet import HOST, Fleet

Spent = dict[str, float]
"""Seconds of CPU by who used it: host, members (API servers and stores), load, controller."""


def read(fleet: Fleet, load: int, controller: int | None) -> Spent:
    """Read what all have used since they started; `load` and `controller` are process ids."""
    spent: Spent = {"host": 0.0, "members": 0.0, "load": _of(load)}
    for name, plane in fleet.planes.items():
        running = [found for process in plane.processes if (found := process.running())]
        spent["host" if name == HOST else "members"] += sum(_of(process.pid) for process in running)
    if controller is not None:
        spent["controller"] = _of(controller)
    return spent


def difference(before: Spent, after: Spent) -> Spent:
    return {who: after[who] - before[who] for who in after}


def _of(pid: int) -> float:
    with suppress(psutil.NoSuchProcess):
        times = psutil.Process(pid).cpu_times()
        seconds: float = times.user + times.system
        return seconds
    return 0.0
