"""Draining: what a cluster that is drained still holds, and what will stay there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from policies.api.binding import ResourceBinding
from policies.api.meta import Taint
from policies.api.propagation import PropagationPolicy
from policies.eviction import DRAIN_TAINT
from policies.requirements import Identity, identity
from policies.selectors import tolerates
from policies.suspension import in_force
from policies.workloads.ending import unfinished

_TAINT = Taint(key=DRAIN_TAINT, effect="NoExecute")


class Course(NamedTuple):
    """The bindings that name a cluster, by what becomes of them; each with a few words about it."""

    stays: Mapping[str, str]
    """What the drain does not move, and why."""
    waits: Mapping[str, str]
    """What has not begun to leave."""
    leaves: Mapping[str, ResourceBinding]
    """What has other clusters by now, with its old copy still in this one."""


def course(
    cluster: str,
    bindings: Iterable[ResourceBinding],
    policy_of: Callable[[ResourceBinding], PropagationPolicy | None],
    ended: Collection[str],
    label: Callable[[ResourceBinding], str],
) -> Course:
    """Say how far a drain is.

    :param policy_of: the policy that governs a binding.
    :param ended: labels of Jobs that are over in all clusters.
    """
    stays: dict[str, str] = {}
    waits: dict[str, str] = {}
    leaves: dict[str, ResourceBinding] = {}
    along: list[ResourceBinding] = []
    moving: set[Identity] = set()
    for binding in bindings:
        spec, policy = binding.spec, policy_of(binding)
        target = next((each for each in spec.clusters if each.name == cluster), None)
        leaving = any(each.from_cluster == cluster for each in spec.evictions)
        if not leaving and (target is None or target.only_required):
            along += [] if target is None else [binding]
            continue
        over = not leaving and all(each.name != cluster for each in unfinished(binding))
        if over or label(binding) in ended:
            stays[label(binding)] = "the Job has ended, and would run again elsewhere"
        elif (why := immovable(binding, policy)) and (policy is None or not leaving):
            stays[label(binding)] = why
        else:
            moving.add(identity(spec.resource))
            if leaving:
                leaves[label(binding)] = binding
            else:
                waits[label(binding)] = _hindrance(binding) or "waits for its turn"
    for binding in along:
        if moving.issuperset(_in_need(binding, cluster)):
            waits[label(binding)] = "goes with the workloads that need it"
        else:
            stays[label(binding)] = "workloads that stay need it"
    return Course(stays, waits, leaves)


def _in_need(binding: ResourceBinding, cluster: str) -> Iterator[Identity]:
    """Name the workloads that need a template in a cluster."""
    return (identity(each.resource) for each in binding.spec.required_by if cluster in each.clusters)


def immovable(binding: ResourceBinding, policy: PropagationPolicy | None) -> str | None:
    """Return why a drain leaves a workload where it is; None if it moves it."""
    if binding.spec.policy is None or policy is None:
        return "no valid policy governs it, so nothing moves it"
    names = (policy.metadata.namespace, policy.metadata.name)
    name = f"{policy.kind} {'/'.join(part for part in names if part)}"
    if in_force(policy.spec.suspension):
        return f"{name} is suspended"
    matching = [each for each in policy.spec.placement.cluster_tolerations if tolerates(each, _TAINT)]
    if matching and all(each.toleration_seconds is None for each in matching):
        return f"{name} tolerates the taint {DRAIN_TAINT}"
    return None


def _hindrance(binding: ResourceBinding) -> str | None:
    """Return why a workload can't leave as far as its binding tells."""
    scheduled = next((c for c in binding.status.conditions if c.type == "Scheduled"), None)
    return scheduled.message if scheduled is not None and scheduled.status != "True" else None
