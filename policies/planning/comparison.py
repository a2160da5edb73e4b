"""Comparison: what becomes of each copy between two worlds.

A copy that leaves a cluster while the object enters another has moved; the rest is created and deleted. A
copy is released when it stays in the cluster and is Atoll's no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple

from policies.api.binding import BindingSpec, PolicyReference
from policies.planning.copies import Copies, Decided, Decisions
from policies.planning.fields import FieldChange, changed
from policies.planning.world import Identity, World
from policies.rendering import Rendered
from policies.requirements import is_required, preserves
from policies.verdicts import OverrideFailed, Verdict

Action = Literal["create", "update", "move", "delete", "release"]
Held = dict[str, Rendered]
"""The copies of an object that are there, by cluster."""
ACTIONS: tuple[Action, ...] = ("create", "update", "move", "delete", "release")


class Change(NamedTuple):
    """What becomes of one copy."""

    action: Action
    cluster: str
    """Where it is, or is to be."""
    source: str = ""
    """Where a moved copy leaves."""
    replicas: int | None = None
    """How many a copy is created or moved with."""
    fields: tuple[FieldChange, ...] = ()
    """Of an update."""


class Failure(NamedTuple):
    """A copy that would stay as it is because an override fails."""

    cluster: str
    verdict: OverrideFailed


class ObjectPlan(NamedTuple):
    """What becomes of one object."""

    key: Identity
    policy: PolicyReference | None
    """The one that would govern it."""
    verdict: Verdict | None
    """Why it is not placed as wished, where it was not so before."""
    changes: tuple[Change, ...]
    failures: tuple[Failure, ...]
    unchanged: int
    """How many copies stay as they are."""

    @property
    def quiet(self) -> bool:
        return not (self.changes or self.failures or self.verdict)


class Plan(NamedTuple):
    """What would change, by object in ascending order."""

    objects: tuple[ObjectPlan, ...]
    present: int
    """How many copies there are now."""

    def counts(self) -> Mapping[Action, int]:
        """Count copies by what becomes of them."""
        found = Counter(change.action for each in self.objects for change in each.changes)
        return {action: found[action] for action in ACTIONS}

    @property
    def unchanged(self) -> int:
        return sum(each.unchanged for each in self.objects)

    @property
    def failing(self) -> int:
        return sum(len(each.failures) for each in self.objects)


class State(NamedTuple):
    """A world with everything decided and rendered."""

    world: World
    decided: Decisions
    copies: Copies


def compare(before: State, after: State) -> Plan:
    keys = sorted({*before.copies, *after.copies})
    present = sum(len(_held(before.copies.get(key, {}))) for key in keys)
    return Plan(tuple(_object(key, before, after) for key in keys), present)


def _object(key: Identity, before: State, after: State) -> ObjectPlan:
    was, now = before.decided.get(key), after.decided.get(key)
    old = _held(before.copies.get(key, {}))
    new = after.copies.get(key, {})
    if now is not None and now.spec.policy is None:
        new = _without_policy(now.spec, old, new, after.world.clusters.staying)
    failures = tuple(
        Failure(name, copy)
        for name, copy in new.items()
        if isinstance(copy, OverrideFailed) and before.copies.get(key, {}).get(name) != copy
    )
    changes = tuple(_changes(key, old, new, before, after))
    updated = sum(change.action == "update" for change in changes)
    return ObjectPlan(
        key,
        now.spec.policy if now else None,
        _news(was, now),
        changes,
        failures,
        len(old.keys() & new.keys()) - updated,
    )


def _without_policy(
    spec: BindingSpec, old: Held, new: Mapping[str, Rendered | OverrideFailed], staying: Collection[str]
) -> Mapping[str, Rendered | OverrideFailed]:
    """Leave copies as they are, but where workloads need them, or did."""
    if not spec.dependency:
        return {name: copy for name, copy in old.items() if name in staying}
    names = [target.name for target in spec.clusters]
    left = {name: old[name] for name in names if name in old}
    return left | {name: new[name] for name in names if name in new and is_required(spec, name)}


def _held(copies: Mapping[str, Rendered | OverrideFailed]) -> Held:
    """Return the copies that are there: one whose override fails is as it was, or was never made."""
    return {name: copy for name, copy in copies.items() if isinstance(copy, Rendered)}


def _news(was: Decided | None, now: Decided | None) -> Verdict | None:
    """Return why an object is not placed as wished, unless it was so before."""
    if now is None or now.verdict.reason == "Scheduled" or (was and was.verdict == now.verdict):
        return None
    return now.verdict


def _changes(
    key: Identity,
    old: Mapping[str, Rendered],
    new: Mapping[str, Rendered | OverrideFailed],
    before: State,
    after: State,
) -> Iterator[Change]:
    kept = {name for name in old if name not in new and _released(key, name, before, after)}
    gone = sorted(old.keys() - new.keys() - kept)
    entered = sorted(name for name in _held(new) if name not in old)
    sources = dict(zip(entered, gone, strict=False))
    for name in entered:
        source, replicas = sources.get(name, ""), _replicas(key, name, after.decided)
        yield Change("move" if source else "create", name, source, replicas)
    yield from _updates(old, new)
    for name in gone[len(sources) :]:
        yield Change("delete", name)
    for name in sorted(kept):
        yield Change("release", name)


def _updates(old: Mapping[str, Rendered], new: Mapping[str, Rendered | OverrideFailed]) -> Iterator[Change]:
    fields: dict[tuple[str, str], tuple[FieldChange, ...]] = {}  # found once for all clusters alike
    for name in sorted(old.keys() & new.keys()):
        was, copy = old[name], new[name]
        if isinstance(copy, OverrideFailed) or copy.digest == was.digest:
            continue
        digests = was.digest, copy.digest
        if digests not in fields:
            fields[digests] = changed(was.manifest, copy.manifest)
        yield Change("update", name, fields=fields[digests])


def _released(key: Identity, cluster: str, before: State, after: State) -> bool:
    """Whether a copy that is no more wanted stays in the cluster.

    Clusters that leave decide it by `spec.removal`, templates that are deleted by what their binding says;
    what a policy places elsewhere goes.
    """
    if cluster not in after.world.clusters.staying:
        return after.world.clusters.by_name[cluster].spec.removal == "Keep"
    return key not in after.world.templates and preserves(before.decided[key].spec)


def _replicas(key: Identity, cluster: str, decided: Decisions) -> int | None:
    return next(target.replicas for target in decided[key].spec.clusters if target.name == cluster)


def allowed(limit: int | None, present: int) -> int:
    """Return how many copies may go. Unless a limit is given, it is that of the brake on deletions: ten, or a
    fifth of those there are.
    """
    return max(10, present // 5) if limit is None else limit


def beyond(plan: Plan, limits: Mapping[Action, int | None]) -> Mapping[Action, int]:
    """Return the limits that a plan goes beyond."""
    counts = plan.counts()
    most = {action: allowed(limit, plan.present) for action, limit in limits.items()}
    return {action: limit for action, limit in most.items() if counts[action] > limit}
