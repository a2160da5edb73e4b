"""peers: where the workloads of a namespace are that have a label in common.

What was decided counts from the moment of the decision, before it is written: the next one, of which several
are under way, must know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from federation.controllers.host import Host
from federation.controllers.kinds import Template
from federation.kube.ref import Ref
from policies.api.propagation import WorkloadAffinityTerm
from policies.podspec import has_pods


class _Group:
    """The workloads of one namespace by their value of one label."""

    def __init__(self) -> None:
        self.members: defaultdict[str, set[Ref]] = defaultdict(set)
        self._values: dict[Ref, str] = {}

    def put(self, ref: Ref, value: str | None) -> None:
        if (before := self._values.pop(ref, None)) is not None:
            self.members[before].discard(ref)
        if value is not None:
            self._values[ref] = value
            self.members[value].add(ref)

    def with_(self, ref: Ref) -> set[Ref]:
        """Return the others that have its value."""
        return self.members[self._values[ref]] - {ref} if ref in self._values else set()


class Peers:
    """Built from the mirrors for a label when it is first asked for, and told of every decision since.

    :param moved: called for each peer of a workload that goes elsewhere, comes or goes
    """

    def __init__(self, host: Host, moved: Callable[[Ref], None]) -> None:
        self._host, self._moved = host, moved
        self._groups: defaultdict[str, dict[str, _Group]] = defaultdict(dict)
        self._placed: dict[Ref, frozenset[str]] = {}

    def of(self, ref: Ref, template: Template, term: WorkloadAffinityTerm | None) -> frozenset[str]:
        """Return the clusters in which the other workloads of a template's group are placed."""
        if term is None or not _is_workload(ref):
            return frozenset()
        value = template.labels.get(term.group_by_label_key)
        others = self._group(ref.namespace, term.group_by_label_key).members.get(value or "", set()) - {ref}
        return frozenset[str]().union(*(self._placed.get(other, ()) for other in others))

    def note(self, ref: Ref, template: Template | None, clusters: frozenset[str]) -> None:
        """Take in where a template is placed; None when it is not there or not governed."""
        if not _is_workload(ref) or ref.namespace not in self._groups:
            return
        groups = self._groups[ref.namespace]
        before = self._placed.get(ref, frozenset())
        affected = {peer for group in groups.values() for peer in group.with_(ref)}
        if template is None:
            self._placed.pop(ref, None)
        else:
            self._placed[ref] = clusters
        for key, group in groups.items():
            group.put(ref, template.labels.get(key) if template else None)
            affected |= group.with_(ref)
        if before != clusters:
            for peer in affected:
                self._moved(peer)

    def _group(self, namespace: str, key: str) -> _Group:
        groups = self._groups[namespace]
        if key not in groups:
            groups[key] = _Group()
            for ref, template, clusters in self._governed(namespace):
                self._placed.setdefault(ref, clusters)
                groups[key].put(ref, template.labels.get(key))
        return groups[key]

    def _governed(self, namespace: str) -> Iterator[tuple[Ref, Template, frozenset[str]]]:
        for ref, record in self._host.bound():
            template = self._host.template(ref)
            if ref.namespace == namespace and _is_workload(ref) and template is not None:
                yield ref, template, frozenset(target.name for target in record.spec.clusters)


def _is_workload(ref: Ref) -> bool:
    """Only what has pods is a workload: else a ConfigMap with its label would keep a Deployment away."""
    return has_pods(ref.resource.group, ref.resource.kind)
