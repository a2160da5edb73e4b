"""World: the objects of a host as far as placement sees them, parsed.

Two worlds share what is the same in both, so that it is rendered once. Every object is told apart by its
identity, whatever the version of its API.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from policies import workloads
from policies.api.cluster import Cluster
from policies.api.meta import API_VERSION, Manifest
from policies.api.override import ClusterOverridePolicy, OverridePolicy
from policies.api.propagation import ClusterPropagationPolicy, PropagationPolicy
from policies.filters import Clusters
from policies.matching import Index, Subject, group_of, never_propagated, subject_of
from policies.placement import Workload
from policies.rendering import prune
from policies.requirements import Identity
from policies.workloads.interpretation import NONE, Interpretation, Interpretations

__all__ = ["Entity", "Identity", "Template", "World", "entity_of", "identity_of", "serving_everything"]

_POLICIES = (PropagationPolicy, ClusterPropagationPolicy, OverridePolicy, ClusterOverridePolicy)
_MODELS = {model.__name__: model for model in (*_POLICIES, Cluster)}


def identity_of(manifest: Manifest) -> Identity:
    return Identity(*subject_of(manifest)[:4])


class Template(NamedTuple):
    """A user's object, as far as it is propagated."""

    manifest: Manifest
    """Pruned."""
    subject: Subject
    workload: Workload
    completions: int | None
    """Of a Job."""
    read_by: workloads.Workload
    """What is known of its kind."""


Entity = PropagationPolicy | OverridePolicy | Cluster | Template


def entity_of(manifest: Manifest, interpretations: Interpretations = NONE) -> Entity | None:
    """Parse a manifest; None for what no policy can propagate.

    :param interpretations: what ResourceInterpreters say of kinds.
    :raises ValueError: its fields are not of the shapes that its kind has.
    """
    if manifest["apiVersion"] == API_VERSION and manifest["kind"] in _MODELS:
        return _MODELS[manifest["kind"]].model_validate(manifest)
    if never_propagated(manifest):
        return None
    try:
        return _template(manifest, interpretations)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it has not the shape of a {manifest['kind']}: {_said(error)}") from error


def _template(manifest: Manifest, interpretations: Interpretations) -> Template:
    group, kind = group_of(manifest["apiVersion"]), manifest["kind"]
    if not workloads.is_whole(group, kind) and not isinstance(manifest.get("spec"), dict):
        raise KeyError("spec")
    read_by = workloads.of(group, kind, interpretations)
    workload = Workload(
        manifest["apiVersion"],
        kind,
        read_by.replicas(manifest),
        manifest["metadata"].get("uid", ""),
        read_by.problem(manifest) if isinstance(read_by, Interpretation) else "",
    )
    completions = manifest["spec"].get("completions") if (group, kind) == ("batch", "Job") else None
    return Template(prune(manifest), subject_of(manifest), workload, completions, read_by)


def _said(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)


class World:
    """What is there to place, by what, and where."""

    def __init__(self, entities: Mapping[Identity, Entity]) -> None:
        self.templates = {key: each for key, each in entities.items() if isinstance(each, Template)}
        self.clusters = Clusters(each for each in entities.values() if isinstance(each, Cluster))
        self.policies = {key: each for key, each in entities.items() if isinstance(each, PropagationPolicy)}
        self.index = Index(self.policies.values())
        self._overrides: Mapping[str, list[OverridePolicy]] = defaultdict(list)
        for each in entities.values():
            if isinstance(each, OverridePolicy):
                self._overrides[each.metadata.namespace].append(each)

    def overrides(self, namespace: str) -> Sequence[OverridePolicy]:
        """Return the override policies that can concern objects of a namespace (or cluster-scoped ones)."""
        namespaced = self._overrides.get(namespace, ()) if namespace else ()
        return [*self._overrides.get("", ()), *namespaced]


def serving_everything(clusters: Sequence[Cluster], templates: Sequence[Template]) -> dict[str, Cluster]:
    """Return the clusters that don't say which kinds they serve, as if they served those of all templates."""
    served: dict[str, set[str]] = defaultdict(set)
    for template in templates:
        served[template.workload.group_version].add(template.workload.kind)
    apis: list[dict[str, Any]] = [
        {"groupVersion": version, "kinds": sorted(kinds)} for version, kinds in sorted(served.items())
    ]
    return {
        cluster.metadata.name: Cluster.model_validate(
            cluster.dump() | {"status": cluster.status.dump() | {"apis": apis}}
        )
        for cluster in clusters
        if not cluster.status.apis
    }
