"""From measurements to figures: medians, ratios, targets. Pure."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import median
from typing import Literal

from bench.bursts import Burst, Bursts, Round
from bench.deciding import Rates
from bench.latency import Latencies
from bench.overriding import Edit
from bench.planning import Planned
from bench.releases import REPLICAS, STEPS, Releases
from bench.restarts import Restart
from bench.services import ENDPOINTS, Measured
from bench.steady import Steady
from bench.writes import Bill, Writes

Side = Callable[[Round], Burst]
MEGABYTE = 1e6
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "≥": operator.ge,
    "≤": operator.le,
    "=": operator.eq,
}
_POLICY_STATUS = "propagationpolicies/status"


@dataclass(frozen=True)
class Target:
    """What a figure must reach."""

    relation: Literal["≥", "≤", "="]
    value: float
    of: Literal["ratio", "atoll"] = "atoll"
    """Which of the two columns it speaks of."""

    def __str__(self) -> str:
        return f"{self.relation} {self.value:g}" + (" x" if self.of == "ratio" else "")


@dataclass(frozen=True)
class Figure:
    name: str
    unit: str
    atoll: float
    bare: float | None = None
    target: Target | None = None
    detail: str = ""

    @property
    def ratio(self) -> float | None:
        return self.atoll / self.bare if self.bare else None

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        value = self.ratio if self.target.of == "ratio" else self.atoll
        if value is None:
            return None
        return _HOLDS[self.target.relation](value, self.target.value)


def of_planning(planned: Planned) -> Figure:
    """Return the figure of a plan from files; the target is that of 1,000 templates in 20 clusters."""
    where = f"{planned.templates} x {planned.clusters}"
    target = Target("≤", 5.0) if (planned.templates, planned.clusters) == (1000, 20) else None
    return Figure(f"plan {where}", "s", planned.seconds, target=target, detail=f"{planned.updated} updates")


def of_bursts(bursts: Bursts, create: float, update: float) -> list[Figure]:
    """Return the figures of the rounds on one fleet, given the ratios to reach."""
    where = f"{bursts.objects} x {bursts.members}"
    return [
        _rate(f"create {where}", bursts, attrgetter("create"), create),
        _rate(f"update {where}", bursts, attrgetter("update"), update),
        _cpu(f"CPU per creation, all processes, {where}", bursts, attrgetter("create")),
        _cpu(f"CPU per update, all processes, {where}", bursts, attrgetter("update")),
        *_written(
            f"creation, {bursts.members} members", [t.create.bill for t in bursts.tolls], bursts.objects
        ),
        *_written(f"update, {bursts.members} members", [t.update.bill for t in bursts.tolls], bursts.objects),
    ]


def of_process(bursts: Bursts) -> list[Figure]:
    """Return what the controller process uses."""
    memory = [toll.memory / MEGABYTE for toll in bursts.tolls]
    each = {
        "creation": median(toll.create.cpu for toll in bursts.tolls),
        "update": median(toll.update.cpu for toll in bursts.tolls),
    }
    where = f"{bursts.objects} x {bursts.members}"
    return [
        Figure(f"controller memory at {where}", "MB", max(memory), target=Target("≤", 200)),
        *(
            Figure(f"controller CPU per {verb}", "ms", 1000 * seconds / bursts.objects)
            for verb, seconds in each.items()
        ),
    ]


def of_latencies(latencies: Latencies) -> list[Figure]:
    figures = []
    atoll, bare = latencies.atoll, latencies.bare
    for name, share, limit in (("P50", 0.5, 1.5), ("P99", 0.99, 2.5)):
        figures.append(
            Figure(
                f"single update, {name}, all members", "ms", 1000 * percentile(atoll.everywhere, share),
                1000 * percentile(bare.everywhere, share), Target("≤", limit, "ratio"),
                f"{len(atoll.everywhere)} samples",
            )
        )  # fmt: skip
    mixed = [[m for moments in side.by_member.values() for m in moments] for side in (atoll, bare)]
    for name, share in (("P50", 0.5), ("P99", 0.99)):
        values = [1000 * percentile(moments, share) for moments in mixed]
        figures.append(Figure(f"single update, {name}, each member", "ms", values[0], values[1]))
    return figures


def of_steady(steady: Steady) -> list[Figure]:
    nothing, where = Target("=", 0), "host and members"
    figures = [
        Figure(f"writes on {name}, {where}", "writes", _total(bill), target=nothing, detail=_spelled([bill]))
        for name, bill in (
            ("re-apply of the same", steady.reapply),
            ("a touched status", steady.touch),
            (f"{steady.idle_seconds:.0f} s idle (Leases aside)", steady.idle),
        )
    ]
    restarted = sum(writes.total() for writes in steady.restart.members.values())
    return [
        *figures,
        Figure("Lease writes while idle", "writes", steady.idle.leases),
        Figure("controller CPU while idle", "ms/s", 1000 * steady.idle_cpu / steady.idle_seconds),
        Figure("writes to members on restart", "writes", restarted, target=nothing),
        Figure("restart until ready", "s", steady.ready, target=Target("≤", 10)),
        Figure("restart until a new change is in all members", "s", steady.reacted),
        Figure("controller memory after restart", "MB", steady.memory / MEGABYTE, target=Target("≤", 200)),
    ]


def of_restart(restart: Restart) -> list[Figure]:
    """Return what a start over many objects took; the targets are those of 5,000 of each kind."""
    where = f"{restart.deployments} Deployments and as many ConfigMaps x {restart.members}"
    written = sum(writes.total() for writes in restart.bill.members.values())
    soon = Target("≤", 20)
    return [
        Figure(
            f"writes to members on a start over {where}", "writes", written, target=Target("=", 0),
            detail=_spelled([restart.bill]),
        ),
        Figure(f"start over {where} until ready", "s", restart.ready, target=soon),
        Figure("the same until a change made meanwhile is in all members", "s", restart.reacted, target=soon),
        Figure("the same until nothing waits for a worker", "s", restart.drained),
        Figure("controller memory after it", "MB", restart.memory / MEGABYTE),
    ]  # fmt: skip


def of_edit(edit: Edit) -> list[Figure]:
    """Return what an override for one cluster of several took, beside applying the same there by hand."""
    where = f"{edit.workloads} workloads in 1 of {edit.members} clusters"
    elsewhere = sum(w.total() for name, w in edit.bill.members.items() if name != edit.cluster)
    bare, atoll = (edit.workloads / seconds for seconds in (edit.bare, edit.seconds))
    return [
        Figure(f"an override for {where}", "/s", atoll, bare, Target("≥", 0.7, "ratio")),
        Figure(
            "writes to the other clusters", "writes", elsewhere, target=Target("=", 0),
            detail=_spelled([edit.bill]),
        ),
    ]  # fmt: skip


def of_releases(releases: Releases) -> list[Figure]:
    """Return what batched releases at a time took and cost."""
    where = f"{releases.runs} releases at a time, {STEPS} steps"
    if (least := releases.startup[0]) and releases.startup[1] == least:
        name = f"{releases.members * REPLICAS} pods that take {least:.0f} s each, in {STEPS} steps"
        own = STEPS * least
        return [
            Figure(name, "s", releases.seconds, own, Target("≤", 1.5, "ratio"), "beside the pods' own time")
        ]
    steps, writes = releases.runs * STEPS, sum(releases.host.values())
    detail = ", ".join(f"{count} {write}" for write, count in sorted(releases.host.items()))
    budget = 3 + releases.touched / steps
    return [
        Figure(
            f"step ready to next permission, P50, {where}", "ms",
            1000 * percentile(releases.waits, 0.5), target=Target("≤", 150),
            detail=f"{len(releases.waits)} samples",
        ),
        Figure(f"step ready to next permission, P99, {where}", "ms", 1000 * percentile(releases.waits, 0.99)),
        Figure(
            f"host writes per step, {where}", "writes", writes / steps,
            target=Target("≤", round(budget, 2)), detail=detail,
        ),
        Figure(f"member writes per permission, {where}", "writes", releases.member_writes / releases.touched),
        Figure(f"whole release, {where}", "s", releases.seconds),
    ]  # fmt: skip


def of_services(measured: Measured) -> list[Figure]:
    """Return how soon Services are the same everywhere."""
    where = f"{measured.services} Services x {ENDPOINTS} endpoints x {measured.members} clusters"
    restart = sum(measured.restart.values())
    detail = ", ".join(f"{count} {write}" for write, count in sorted(measured.restart.items()))
    flips, exports = measured.flips, measured.exports
    return [
        Figure(f"cold start until all is imported, {where}", "s", measured.cold, target=Target("≤", 15)),
        Figure(
            "an endpoint's readiness in all other clusters, P50", "ms", 1000 * percentile(flips, 0.5),
            target=Target("≤", 100), detail=f"{len(flips)} samples",
        ),
        Figure(
            "an endpoint's readiness in all other clusters, P99", "ms", 1000 * percentile(flips, 0.99),
            target=Target("≤", 1000),
        ),
        Figure(
            "an export's import with IP in all clusters, P99", "ms", 1000 * percentile(exports, 0.99),
            target=Target("≤", 2000), detail=f"{len(exports)} samples",
        ),
        Figure("writes to members on restart", "writes", restart, target=Target("=", 0), detail=detail),
    ]  # fmt: skip


def of_rates(rates: Rates) -> list[Figure]:
    """Return how fast decisions are made on one core."""
    return [
        Figure("placements, 10 clusters, fixed weights", "per s", rates.static, target=Target("≥", 20_000)),
        Figure(
            "placements, 100 clusters, by capacity in regions", "per s", rates.by_capacity,
            target=Target("≥", 2_000),
        ),
        Figure("manifests with three overrides", "per s", rates.rendered, target=Target("≥", 5_000)),
    ]  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def _rate(name: str, bursts: Bursts, burst: Side, ratio: float) -> Figure:
    """Compare medians over the rounds."""
    bare, atoll = (
        median(bursts.objects / burst(measured).seconds for measured in side)
        for side in (bursts.bare, bursts.atoll)
    )
    pairs = [burst(b).seconds / burst(a).seconds for b, a in zip(bursts.bare, bursts.atoll, strict=True)]
    rounds = ", ".join(f"{pair:.2f}" for pair in pairs)
    return Figure(name, "objects/s", atoll, bare, Target("≥", ratio, "ratio"), f"rounds: {rounds}")


def _cpu(name: str, bursts: Bursts, burst: Side) -> Figure:
    """Compare the CPU time of all that takes part: neighbours on the machine hardly change that."""
    bare, atoll = (
        1000 * median(sum(burst(measured).cpu.values()) for measured in side) / bursts.objects
        for side in (bursts.bare, bursts.atoll)
    )
    last = burst(bursts.atoll[-1]).cpu
    parts = ", ".join(f"{who} {1000 * seconds / bursts.objects:.1f}" for who, seconds in last.items())
    return Figure(name, "ms", atoll, bare, detail=f"Atoll: {parts}")


def _written(name: str, bills: list[Bill], objects: int) -> list[Figure]:
    """Return writes for each Deployment; of all rounds the worst, since a count has no noise.

    The status of the one policy is shown apart: its writes are few for any number of Deployments.
    """
    host = max(_of_objects(bill.host) for bill in bills) / objects
    policy = max(bill.host.total() - _of_objects(bill.host) for bill in bills)
    per_member = [writes.total() / objects for bill in bills for writes in bill.members.values()]
    worst = max(per_member, key=lambda count: abs(count - 1))
    return [
        Figure(f"host writes per {name}", "writes", host, target=Target("≤", 2), detail=_spelled(bills)),
        Figure(f"member writes per {name}, each", "writes", worst, target=Target("=", 1)),
        Figure(f"policy status writes in all, {name}", "writes", policy),
    ]


def _total(bill: Bill) -> int:
    return bill.host.total() + sum(writes.total() for writes in bill.members.values())


def _of_objects(writes: Writes) -> int:
    return sum(count for write, count in writes.items() if write.resource != _POLICY_STATUS)


def _spelled(bills: list[Bill]) -> str:
    """Say what was written to the host in the round with most writes."""
    host: Writes = max((bill.host for bill in bills), key=Counter.total)
    return ", ".join(f"{count} {write}" for write, count in host.most_common())
