"""What the mirrors of the host keep of each object: parsed kinds of ours, pruned templates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import orjson
from pydantic import ValidationError

from federation.controllers.references import ref_of
from federation.kube.ref import Ref
from federation.kube.resources import Manifest
from policies import workloads
from policies.api.binding import BindingSpec, ClusterResourceBinding, ResourceBinding
from policies.api.cluster import Cluster
from policies.api.interpreter import ResourceInterpreter
from policies.api.meta import ObjectMeta
from policies.api.override import ClusterOverridePolicy, OverridePolicy
from policies.api.propagation import ClusterPropagationPolicy, PolicyStatus, PropagationPolicy
from policies.api.rollout_policy import RolloutPolicy
from policies.matching import never_propagated
from policies.release.choice import POLICY_ANNOTATION
from policies.rendering import prune
from policies.validation import validate
from policies.workloads import Workload
from policies.workloads.interpretation import NONE, Interpretation, Interpretations

P = TypeVar("P", PropagationPolicy, OverridePolicy, RolloutPolicy, ResourceInterpreter)


@dataclass(frozen=True, slots=True)
class Template:
    """A user's object on the host. Two are equal when what we propagate is: status and version do not
    count.
    """

    uid: str
    generation: int
    labels: dict[str, str]
    replicas: int | None
    completions: int | None
    """Of a Job."""
    workload: Workload
    """What is known of its kind: what was decided by one ResourceInterpreter is not rendered by another."""
    problem: str
    """What keeps its replicas from being read, or empty."""
    manifest: bytes
    """JSON of the pruned object."""
    deleting: bool
    excluded: str
    """Why this object is never propagated, or empty."""
    rollout_policy: str
    """The policy that its annotation names, or empty."""
    resource_version: str = field(compare=False)
    status: Manifest = field(compare=False)


def template_of(live: Manifest, interpretations: Interpretations = NONE) -> Template:
    metadata = live["metadata"]
    group = live["apiVersion"].rpartition("/")[0]
    workload = workloads.of(group, live["kind"], interpretations)
    return Template(
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        labels=metadata.get("labels") or {},
        replicas=workload.replicas(live),
        completions=live["spec"].get("completions") if (group, live["kind"]) == ("batch", "Job") else None,
        workload=workload,
        problem=workload.problem(live) if isinstance(workload, Interpretation) else "",
        manifest=orjson.dumps(prune(live), option=orjson.OPT_SORT_KEYS),
        deleting="deletionTimestamp" in metadata,
        excluded=never_propagated(live),
        rollout_policy=(metadata.get("annotations") or {}).get(POLICY_ANNOTATION, ""),
        resource_version=metadata["resourceVersion"],
        status=live.get("status") or {},
    )


def finished(template: Template) -> bool:
    """Whether a Job has ended: no more pods come for it."""
    return has_ended(template.status)


def has_ended(status: Manifest) -> bool:
    """Whether the status of a Job says so."""
    ended = ("Complete", "Failed")
    return any(each["type"] in ended and each["status"] == "True" for each in status.get("conditions") or ())


@dataclass(frozen=True, slots=True)
class Record:
    """A binding. Two are equal when they say the same about placement: status does not count."""

    spec: BindingSpec
    deleting: bool
    finalizers: tuple[str, ...]
    owners: tuple[str, ...]
    """UIDs of its owner references."""
    binding: ResourceBinding = field(compare=False)

    @property
    def ref(self) -> Ref:
        """The template it speaks of."""
        namespaced = not isinstance(self.binding, ClusterResourceBinding)
        return ref_of(self.spec.resource, namespaced=namespaced)

    def targets(self, cluster: str) -> bool:
        return any(target.name == cluster for target in self.spec.clusters)

    @property
    def moves(self) -> bool:
        """Whether the template is being moved, or is unhealthy somewhere, so that it may be."""
        unhealthy = any(result.unhealthy_since for result in self.binding.status.clusters)
        return unhealthy or bool(self.spec.evictions)

    def leaves(self, cluster: str) -> bool:
        """Whether the template is being moved away from a cluster, which may hold an old copy."""
        return any(eviction.from_cluster == cluster for eviction in self.spec.evictions)


def record_of(live: Manifest) -> Record:
    model = ClusterResourceBinding if live["kind"] == "ClusterResourceBinding" else ResourceBinding
    binding = model.model_validate(live)
    metadata = binding.metadata
    return Record(
        spec=binding.spec,
        deleting=metadata.deletion_timestamp is not None,
        finalizers=tuple(metadata.finalizers),
        owners=tuple(owner.uid for owner in metadata.owner_references),
        binding=binding,
    )


class Broken(NamedTuple):
    """A stored policy that is not valid: it got past the webhook, or an older version wrote it."""

    kind: str
    metadata: ObjectMeta
    message: str
    status: PolicyStatus


def _broken(live: Manifest, message: str) -> Broken:
    metadata = ObjectMeta.model_validate(live["metadata"])
    try:
        status = PolicyStatus.model_validate(live.get("status") or {})
    except ValidationError:
        status = PolicyStatus()
    return Broken(live["kind"], metadata, message, status)


def propagation_of(live: Manifest) -> PropagationPolicy | Broken:
    model = ClusterPropagationPolicy if live["kind"] == "ClusterPropagationPolicy" else PropagationPolicy
    return valid(live, model)


def override_of(live: Manifest) -> OverridePolicy | Broken:
    model = ClusterOverridePolicy if live["kind"] == "ClusterOverridePolicy" else OverridePolicy
    return valid(live, model)


def valid(live: Manifest, model: type[P]) -> P | Broken:
    """Parse a policy, or say what is wrong with it."""
    if denials := validate(live).denials:
        return _broken(live, "; ".join(str(denial) for denial in denials))
    return model.model_validate(live)


def cluster_of(live: Manifest) -> Cluster:
    return Cluster.model_validate(live)
