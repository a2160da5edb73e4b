"""Requirements: where a template is to be because workloads need it, beside or without a policy of its own.

Its clusters are the union over the workloads that need it, and over what its own policy chooses. A cluster
loses it with the last that needs it there; where its own policy places it, it stays. The binding keeps apart
what is there for workloads only, so that a decision by the policy never takes their clusters for its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

from policies.api.binding import BindingSpec, PolicyReference, Requirement, ResourceReference, TargetCluster
from policies.api.failover import Suspension
from policies.matching import group_of
from policies.suspension import label, suspends
from policies.verdicts import Verdict

_NAMED = 3
"""How many workloads a message names."""

NEEDLESS = Verdict(
    "NotRequired", "no workload needs it any more, and no policy selects it: its copies are being removed"
)


class Identity(NamedTuple):
    """Which object of the host, whatever the version of its API."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"


def identity(resource: ResourceReference) -> Identity:
    return Identity(group_of(resource.api_version), resource.kind, resource.namespace, resource.name)


def requirement(resource: ResourceReference, spec: BindingSpec) -> Requirement:
    """Return what a workload asks of all it needs, by its own binding: to be where it is, and also where its
    copy stays until it is replaced.
    """
    evicted = (each.from_cluster for each in spec.evictions)
    return Requirement(
        resource=resource.model_copy(update={"uid": ""}),
        policy=spec.policy,
        clusters=sorted({target.name for target in spec.clusters}.union(evicted)),
        conflict_resolution=spec.conflict_resolution,
        preserve_resources_on_deletion=spec.preserve_resources_on_deletion,
        suspension=spec.suspension,
    )


def left_alone(recorded: Requirement) -> Requirement:
    """Return what stays as it is: no policy governs the workload any more, or it is kept in the members when
    it is gone here.
    """
    return recorded if recorded.policy is None else recorded.model_copy(update={"policy": None})


def own(spec: BindingSpec) -> BindingSpec:
    """Return what a binding says without the workloads that need its template: the part of its policy.

    It is evicted from no cluster where they need it: the copy stays there, and no end would come of it.
    """
    if not spec.required_by and not spec.dependency:
        return spec
    update = {
        "clusters": [target for target in spec.clusters if not target.only_required],
        "evictions": [each for each in spec.evictions if not is_required(spec, each.from_cluster)],
        "required_by": [],
        "dependency": False,
    }
    return spec.model_copy(update=update)


def combined(
    decided: BindingSpec, required: Sequence[Requirement], staying: Collection[str], *, before: BindingSpec
) -> BindingSpec:
    """Return what a binding is to say: what was decided by its policy, and what workloads need.

    :param required: in ascending order of the workloads.
    :param staying: the clusters that do not leave the federation.
    :param before: what the binding says now.
    """
    chosen = {target.name: target for target in decided.clusters}
    needed = {name for each in required for name in each.clusters if name in staying}
    for name in needed - chosen.keys():
        chosen[name] = TargetCluster(name=name, only_required=True)
    lasting = before.dependency and decided.policy is None
    if not required and not lasting:
        return decided
    update = {
        "clusters": [chosen[name] for name in sorted(chosen)],
        "required_by": list(required),
        "dependency": True,
    }
    return decided.model_copy(update=update)


def lapsed(spec: BindingSpec) -> bool:
    """Whether nothing needs a dependency any more: its binding goes once its copies are gone."""
    return spec.dependency and spec.policy is None and not spec.required_by and not spec.clusters


def is_required(spec: BindingSpec, cluster: str) -> bool:
    """Whether a workload that is governed needs the template in a cluster.

    Where no policy governs the workload any more its copy stays as it is, and so does what it needs.
    """
    return any(each.policy is not None and cluster in each.clusters for each in spec.required_by)


# Settings of several owners


class Party(NamedTuple):
    """Somebody who wants a template in clusters: its own policy, or a workload."""

    name: str
    policy: PolicyReference | None
    conflict_resolution: str
    preserves: bool
    suspension: Suspension | None
    clusters: Sequence[str] | None
    """Where a workload is; None for the policy of the template."""


def parties(spec: BindingSpec) -> Iterator[Party]:
    """Return the policy of a template, if it has one, and the workloads that need it."""
    if spec.policy is not None or spec.suspension is not None:
        kept = spec.preserve_resources_on_deletion
        name = label(spec.policy)
        yield Party(name, spec.policy, spec.conflict_resolution, kept, spec.suspension, None)
    for each in spec.required_by:
        kept, name = each.preserve_resources_on_deletion, said_of(each)
        yield Party(name, each.policy, each.conflict_resolution, kept, each.suspension, each.clusters)


def conflict_resolution(spec: BindingSpec) -> Literal["Abort", "Overwrite"]:
    """Return what becomes of unmanaged objects: Overwrite if anybody who needs it here says so."""
    said = {spec.conflict_resolution, *(each.conflict_resolution for each in spec.required_by)}
    return "Overwrite" if "Overwrite" in said else "Abort"


def preserves(spec: BindingSpec) -> bool:
    """Whether the copies outlive the template: if anybody who needs it says so."""
    return spec.preserve_resources_on_deletion or any(
        each.preserve_resources_on_deletion for each in spec.required_by
    )


def conflict(spec: BindingSpec) -> Verdict | None:
    """Say which of the settings differ among those who want a template, and which one counts."""
    found = list(parties(spec)) if spec.required_by else []
    overwriting = [each.name for each in found if each.conflict_resolution == "Overwrite"]
    aborting = [each.name for each in found if each.conflict_resolution == "Abort"]
    keeping = [each.name for each in found if each.preserves]
    removing = [each.name for each in found if not each.preserves]
    said = [
        f"{field} is {value} for {_listed(one)} and {otherwise} for {_listed(other)}: {value} counts"
        for field, one, value, other, otherwise in (
            ("conflictResolution", overwriting, "Overwrite", aborting, "Abort"),
            ("preserveResourcesOnDeletion", keeping, "true", removing, "false"),
        )
        if one and other
    ]
    return Verdict("SettingsDiffer", "; ".join(said)) if said else None


def suspended(spec: BindingSpec, clusters: Sequence[str]) -> Verdict | None:
    """Return why nothing is written to some of these clusters, or None if all of them are written to.

    A workload speaks for where it needs the template, and for where the template is no more to be: it may
    be there still, since its own copy is not taken away either.
    """
    for party, concerned in suspenders(spec, clusters):
        if verdict := suspends(party.policy, party.suspension, concerned):
            return verdict
    return None


def suspenders(spec: BindingSpec, clusters: Sequence[str]) -> Iterator[tuple[Party, Sequence[str]]]:
    """Return who may suspend writes to some of these clusters, and to which of them."""
    targets = {target.name for target in spec.clusters}
    for party in parties(spec):
        concerned = [
            name
            for name in clusters
            if party.clusters is None or name in party.clusters or name not in targets
        ]
        if concerned or party.clusters is None:
            yield party, concerned


# What people read


def without_policy(spec: BindingSpec) -> Verdict | None:
    """Say of a template where it is for workloads that need it; None where its own policy has its say, or
    had.
    """
    if spec.policy is not None or not spec.dependency:
        return None
    if not spec.required_by:
        return NEEDLESS if lapsed(spec) else None
    names = [_workload(each) for each in spec.required_by]
    count = f"{len(spec.clusters)} cluster{'s'[: len(spec.clusters) != 1]}"
    return Verdict("Scheduled", f"placed on {count}, needed by {_listed(names)}")


def missing(names: Sequence[str]) -> Verdict:
    """Say of a workload what it names that is not on the host."""
    return Verdict(
        "DependencyMissing",
        f"the host has no {_listed(names)}, which the template names: create what is missing there, or see "
        "to it in the members",
    )


def said_of(each: Requirement) -> str:
    """Name a workload and its policy: `Deployment web (PropagationPolicy shop/web)`."""
    return f"{_workload(each)} ({label(each.policy) if each.policy else 'no policy by now'})"


def _workload(each: Requirement) -> str:
    return f"{each.resource.kind} {each.resource.name}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
