"""Interpreting: which ResourceInterpreters count, and what becomes of replicas that none tells any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from policies.api.binding import TargetCluster
from policies.api.interpreter import ResourceInterpreter
from policies.api.propagation import Placement
from policies.matching import group_of
from policies.placement import Workload, divides
from policies.verdicts import Verdict
from policies.workloads.interpretation import Interpretations, interpretation

GroupKind = tuple[str, str]


def target_of(interpreter: ResourceInterpreter) -> GroupKind:
    """Return the kind that an interpreter is for."""
    target = interpreter.spec.target
    return group_of(target.api_version), target.kind


def in_force(interpreters: Iterable[ResourceInterpreter]) -> Mapping[GroupKind, ResourceInterpreter]:
    """Return the one that counts for each kind: the oldest, so that none takes a kind from another.

    :param interpreters: those that are valid; those being deleted do not count.
    """
    staying = [each for each in interpreters if not each.metadata.deletion_timestamp]
    return {target_of(each): each for each in sorted(staying, key=_age, reverse=True)}


def _age(interpreter: ResourceInterpreter) -> tuple[bool, str, str]:
    """One that is in a file, and was not created yet, is the youngest."""
    metadata = interpreter.metadata
    return not metadata.creation_timestamp, metadata.creation_timestamp, metadata.name


def interpretations(chosen: Mapping[GroupKind, ResourceInterpreter]) -> Interpretations:
    """Return how each kind is read."""
    return {target: interpretation(each.spec) for target, each in chosen.items()}


def read_anew(before: Interpretations, after: Interpretations) -> set[GroupKind]:
    """Return the kinds that are read in another way than before."""
    return {kind for kind in before.keys() | after.keys() if before.get(kind) != after.get(kind)}


def untold(workload: Workload, placement: Placement, targets: Sequence[TargetCluster]) -> Verdict | None:
    """Return why replicas can't be divided, so that the placement stays as it is; None when they can.

    Without their number every cluster would get all of them: an interpreter that is deleted by mistake must
    not multiply what runs.

    :param targets: where the template is placed.
    """
    if workload.replicas is not None or not divides(placement):
        return None
    if workload.problem:
        remedy = "correct it, or the ResourceInterpreter of its kind"
        return Verdict("ReplicasUnknown", f"{workload.problem}; {remedy}")
    if all(target.replicas is None for target in targets):
        return None
    return replicas_unknown(workload.kind)


def replicas_unknown(kind: str) -> Verdict:
    """Say that replicas were divided whose number nothing tells any more."""
    return Verdict(
        "ReplicasUnknown",
        f"its replicas are divided, and nothing says any more where a {kind} has their number, or it has "
        "none: apply the ResourceInterpreter of the kind again, or set replicaSchedulingType: Duplicated to "
        "have all of them in every cluster",
    )


def unreadable(problems: Mapping[tuple[str, str], str]) -> Verdict:
    """Name objects that can't be read as their interpreter says, three at most.

    :param problems: what is wrong, by cluster, empty for the host, and object.
    """
    ordered = sorted(problems.items())
    said = [
        f"{ref}{f' in cluster {cluster}' if cluster else ''}: {why}" for (cluster, ref), why in ordered[:3]
    ]
    more = f" (and {len(ordered) - 3} more)" if len(ordered) > 3 else ""
    return Verdict(
        "PathMismatch", f"{'; '.join(said)}{more}; correct the path in the interpreter, or the objects"
    )
