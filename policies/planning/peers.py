"""Peers: in a plan, where the workloads of a namespace are that have a label in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from policies.api.propagation import WorkloadAffinityTerm
from policies.planning.world import Identity, Template
from policies.podspec import has_pods


class Peers:
    """Built from what bindings say, and told of every decision since."""

    def __init__(
        self, templates: Mapping[Identity, Template], standing: Mapping[Identity, Iterable[str]]
    ) -> None:
        self._templates = templates
        self._placed = {key: frozenset(names) for key, names in standing.items() if key in templates}
        self._groups: dict[tuple[str, str], Mapping[str, Collection[Identity]]] = {}

    def of(self, key: Identity, term: WorkloadAffinityTerm | None) -> frozenset[str]:
        """Return the clusters in which the other workloads of a template's group are placed."""
        if term is None or not has_pods(key.group, key.kind):
            return frozenset()
        value = self._templates[key].subject.labels.get(term.group_by_label_key)
        others = self._group(key.namespace, term.group_by_label_key).get(value or "", ())
        return frozenset[str]().union(*(self._placed.get(other, ()) for other in others if other != key))

    def note(self, key: Identity, clusters: Iterable[str]) -> None:
        """Take in where a template is placed."""
        self._placed[key] = frozenset(clusters)

    def _group(self, namespace: str, label: str) -> Mapping[str, Collection[Identity]]:
        """Return the workloads of a namespace by their value of a label."""
        if (namespace, label) not in self._groups:
            found: defaultdict[str, list[Identity]] = defaultdict(list)
            for key, template in self._templates.items():
                value = template.subject.labels.get(label)
                if key.namespace == namespace and value is not None and has_pods(key.group, key.kind):
                    found[value].append(key)
            self._groups[namespace, label] = found
        return self._groups[namespace, label]
