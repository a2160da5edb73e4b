"""Plan: what a release of a strategy would do, step by step, before there is one.

It is a dry run of the very decisions of a release, over clusters that do at once what they may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from policies.api.binding import ResourceReference
from policies.api.rollout import RolloutCluster, RolloutSpec, RolloutStatus
from policies.api.rollout_policy import RolloutStep, RolloutStrategy
from policies.release.run import advance
from policies.release.shares import round_down
from policies.release.state import Sight, Wish, steps, with_
from policies.release.telling import named

_NOBODY = ResourceReference(api_version="apps/v1", kind="Deployment", plural="deployments", name="-")
_NEXT, _STABLE = "next", "stable"
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class PlannedStep(NamedTuple):
    """One step of a release to come."""

    step: RolloutStep
    """What the strategy says of it."""
    targets: Mapping[str, int]
    """Pods of each cluster at the new revision after it, those of earlier steps included."""
    waves: int
    """How often clusters are permitted more, each time when the pods of the time before are ready."""

    @property
    def total(self) -> int:
        return sum(self.targets.values())


class Plan(NamedTuple):
    """What a release would do."""

    steps: Sequence[PlannedStep]
    max_unavailable: int
    """Pods that may be down at a time in all clusters together."""
    notes: Sequence[str]
    """What a reader of the strategy may not expect."""


def plan(
    strategy: RolloutStrategy,
    replicas: Mapping[str, int],
    scopes: Sequence[frozenset[str] | None] | None = None,
    units: str = "pods",
) -> Plan:
    """Return what a release would do if every cluster can be reached and every pod becomes ready.

    :param replicas: pods wanted in each cluster.
    :param scopes: as of `Wish`, for each of `planned_steps`; None when every step is about all clusters.
    :param units: what is counted: `clusters`, each as one, or pods.
    """
    planned = planned_steps(strategy)
    about = [None] * len(planned) if scopes is None else scopes
    targets: list[Mapping[str, int]] = [{}] * len(planned)
    waves = [0] * len(planned)
    status = RolloutStatus(clusters=[RolloutCluster(name=name) for name in replicas])
    for after in _run(strategy, replicas, about):
        for passed in range(status.current_step, after.current_step - 1):  # done as soon as begun
            targets[passed] = {cluster.name: cluster.target for cluster in status.clusters}
        targets[after.current_step - 1] = {cluster.name: cluster.target for cluster in after.clusters}
        waves[after.current_step - 1] += after.permitted > status.permitted
        status = after
    made = [PlannedStep(*each) for each in zip(planned, targets, waves, strict=True)]
    notes = list(_notes(strategy, replicas, about, made, status, units))
    return Plan(made, status.max_unavailable, notes)


def planned_steps(strategy: RolloutStrategy) -> Sequence[RolloutStep]:
    """Return the steps that a release would have."""
    return steps(_spec(strategy))


def _spec(strategy: RolloutStrategy) -> RolloutSpec:
    return RolloutSpec(
        workload_ref=_NOBODY, target_revision=_NEXT, stable_revision=_STABLE, strategy=strategy
    )


def _run(
    strategy: RolloutStrategy, replicas: Mapping[str, int], scopes: Sequence[frozenset[str] | None]
) -> Iterator[RolloutStatus]:
    """Yield each status of a release in which nobody waits for anything but the next permission."""
    at_once = [with_(step, bake_seconds=0, approval="None") for step in strategy.steps]
    spec = _spec(with_(strategy, steps=at_once))
    wish, status = Wish(_NEXT, scopes), RolloutStatus()
    while True:
        known = {cluster.name: cluster for cluster in status.clusters}
        sights = {name: _sight(size, known.get(name)) for name, size in replicas.items()}
        after = advance(spec, 0, status, wish, sights, _ANY_TIME).status
        if after == status:
            return
        yield after
        status = after


def _sight(replicas: int, cluster: RolloutCluster | None) -> Sight:
    updated = cluster.permitted if cluster else 0
    return Sight(
        replicas, current=True, total=replicas, ready=replicas, updated=updated, updated_ready=updated
    )


def _notes(
    strategy: RolloutStrategy,
    replicas: Mapping[str, int],
    scopes: Sequence[frozenset[str] | None],
    made: Sequence[PlannedStep],
    end: RolloutStatus,
    units: str,
) -> Iterator[str]:
    limit, total = strategy.max_unavailable, sum(replicas.values())
    if limit is None:
        yield f"maxUnavailable is not set: {end.max_unavailable}, which is what the largest step adds"
    elif total and round_down(limit, total) < 1:
        yield f"maxUnavailable {limit} of {total} rounds to 1"
    if units == "pods":
        yield from _emptied(strategy, replicas, end.max_unavailable)
    for number, scope in enumerate(scopes, 1):
        if scope is not None and not scope & replicas.keys():
            yield f"step {number} is about no cluster that the workload is placed on: it is passed over"
    yield from _idle(made, units)
    if not strategy.batches and len(made) > len(strategy.steps):
        before = made[-2].total if len(made) > 1 else 0
        yield f"the steps end at {before} of {total} {units}: a last one to 100% is added"


def _emptied(strategy: RolloutStrategy, replicas: Mapping[str, int], max_unavailable: int) -> Iterator[str]:
    """Tell of clusters that nothing keeps from having all their pods down at a time."""
    limit = strategy.max_unavailable_per_cluster
    whole = [
        name
        for name, size in replicas.items()
        if 0 < size <= min(max_unavailable, max(1, round_down(limit, size)))
    ]
    if whole:
        why = "is 100%" if limit == "100%" else f"{limit} is 1 at least"
        yield f"all pods of {named(whole)} may be down at a time: maxUnavailablePerCluster {why}"


def _idle(made: Sequence[PlannedStep], units: str) -> Iterator[str]:
    """Tell of steps that add nothing to the ones before."""
    before = 0
    idle = []
    for number, step in enumerate(made, 1):
        if step.total == before:
            idle.append(str(number))
        before = step.total
    if idle:
        unit = units.removesuffix("s")
        yield f"step {idle[0]} adds no {unit}" if len(idle) == 1 else f"steps {', '.join(idle)} add no {unit}"
