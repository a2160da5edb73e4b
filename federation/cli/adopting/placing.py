"""Placing: where the policies of the host would have an object that runs in a cluster already.

The binding that adoption makes says that it is there, so that the cluster counts as one in use: what goes by
free capacity stays, and a taint that keeps new workloads away does not drive it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args

from federation.cli.explaining.explanation import explained
from federation.cli.explaining.known import Known
from federation.controllers.host import subject_of
from federation.controllers.kinds import Record, record_of
from federation.controllers.references import reference
from policies.api.binding import BindingSpec, Requirement, TargetCluster
from policies.api.cluster import Cluster
from policies.api.meta import API_VERSION, Manifest
from policies.api.propagation import PropagationPolicy
from policies.dependencies import DependencyKind
from policies.filters import Clusters
from policies.matching import governing
from policies.placement import Present, Workload, needs_capacity
from policies.requirements import combined
from policies.scheduling import decide
from policies.verdicts import Verdict

_ALONG = {("", kind) for kind in get_args(DependencyKind)}


class Decided(NamedTuple):
    """Where an object would be, its cluster among them."""

    known: Known
    record: Record
    """Its binding, as the controller would write it."""
    target: TargetCluster
    """The cluster it is adopted from."""
    targets: Mapping[str, Cluster]
    seed: Manifest | None
    """The binding to make first; None where the host has the object, and so its own, and for what only goes
    along with workloads."""


class Refusal(Exception):
    """Why an object is not adopted, and what to do about it."""


class Ungoverned(Refusal):
    """No policy has a say about it, and no workload that is known needs it."""


def decided(known: Known, cluster: Cluster, on_host: bool, required: Sequence[Requirement]) -> Decided:
    """Return where an object would be.

    :param required: the workloads that are adopted with it and need it.
    :raises Refusal: it would not be where it is
    """
    name, record = cluster.metadata.name, known.record
    seed = None if on_host else _seed(known, name)
    verdict = None
    if record is None or not _has_owner(record):
        record, verdict = _foreseen(known, record_of(seed) if seed is not None else record)
    if required:
        record = _needed(known, record, required)
    if record is None or not _has_owner(record):
        raise Ungoverned(_ungoverned(known))
    known = known._replace(record=record)
    by_name = {target.name: target for target in record.spec.clusters}
    if name not in by_name or (verdict is not None and verdict.reason != "Scheduled"):
        raise Refusal(_elsewhere(known, name, verdict))
    if (suspended := known.host.suspended(record, [name])) is not None:
        raise Refusal(f"nothing is written for now: {suspended.message}")
    all_ = Clusters(each for _, each in known.host.clusters.items()).by_name
    targets = {each: all_[each] for each in by_name if each in all_}
    return Decided(known, record, by_name[name], targets, seed if record.spec.policy is not None else None)


def _has_owner(record: Record) -> bool:
    """Whether a policy or a workload says where a template is to be."""
    return record.spec.policy is not None or bool(record.spec.required_by)


def _needed(known: Known, record: Record | None, required: Sequence[Requirement]) -> Record:
    """Return the binding of what goes along with workloads, beside what its own policy wants."""
    governed = record is not None and record.spec.policy is not None
    empty = BindingSpec(resource=reference(known.ref, known.template.uid))
    by_policy = record.spec if record is not None and governed else empty
    staying = Clusters(each for _, each in known.host.clusters.items()).staying
    return record_of(_binding(known, combined(by_policy, required, staying, before=by_policy)))


def _foreseen(known: Known, before: Record | None) -> tuple[Record | None, Verdict | None]:
    """Decide as the controller will; of capacity, which only it knows, none is taken to be free."""
    ref, template = known.ref, known.template
    subject = subject_of(ref, template.labels)
    candidates = () if template.excluded else known.host.index.candidates(subject)
    policy = governing(subject, candidates, None)
    if policy is None:
        return before, None
    spec = before.spec if before is not None else BindingSpec(resource=reference(ref, template.uid))
    clusters = Clusters(cluster for _, cluster in known.host.clusters.items())

    def present(counting: PropagationPolicy) -> Present:
        limited = needs_capacity(counting.spec.placement)
        free = dict.fromkeys(clusters.by_name, 0) if limited else {}
        return Present(spec.clusters, spec.affinity_name, free=free)

    facts = Workload(ref.resource.api_version, ref.resource.kind, template.replicas, template.uid)
    after, verdict = decide(
        facts, template.completions, policy, spec, clusters, present, template.manifest, anew=True
    )
    return record_of(_binding(known, after)), verdict


def _seed(known: Known, cluster: str) -> Manifest:
    """Return the binding that says where an object is, before any policy has a say."""
    target = TargetCluster(name=cluster, replicas=known.template.replicas)
    return _binding(known, BindingSpec(resource=reference(known.ref, ""), clusters=[target]))


def _binding(known: Known, spec: BindingSpec) -> Manifest:
    resource, (namespace, name) = known.host.binding_key(known.ref)
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": API_VERSION,
        "kind": resource.kind,
        "metadata": metadata,
        "spec": spec.dump(),
    }


def _ungoverned(known: Known) -> str:
    kind = "PropagationPolicy" if known.ref.namespace else "ClusterPropagationPolicy"
    policies = explained(known).policies  # without one that governs, those that are not valid
    broken = "".join(f"; {each.kind} {each.name} is not valid" for each in policies)
    along = (
        "; or have the policy of what needs it say propagateDeps: true, and name that too"
        if (known.ref.resource.group, known.ref.resource.kind) in _ALONG
        else ""
    )
    return f"no policy would govern it: apply a {kind} that selects it{along}{broken}"


def _elsewhere(known: Known, cluster: str, verdict: Verdict | None) -> str:
    """Say why a cluster is not what the policy wants."""
    why = verdict
    if why is None or why.reason == "Scheduled":
        placed = explained(known).clusters
        why = next((each.verdict for each in placed if each.cluster == cluster), None)
    said = f": {why.reason}: {why.message}" if why is not None else ""
    return f"{_policy(known)} would not have it in cluster {cluster}{said}; change its placement, then adopt"


def _policy(known: Known) -> str:
    named = known.record.spec.policy if known.record is not None else None
    if named is None:
        return "what needs it"
    return f"{named.kind} {'/'.join(part for part in (named.namespace, named.name) if part)}"
