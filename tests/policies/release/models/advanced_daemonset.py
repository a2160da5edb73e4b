"""What OpenKruise's DaemonSet controller does to pods, second by second.

The rules are those of OpenKruise 1.9.1 (pkg/controller/daemonset): a pod is made at the present template, as
with a DaemonSet of Kubernetes, and updated on no more nodes than the partition leaves: those whose pods are
new come first, then those without, then the others by descending name. Within them the order is anyone's.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.workloads.driver import Pod as Listed
from tests.policies.release.models.common import Spec
from tests.policies.release.models.daemonset import DaemonSet, Node, rules_of


@dataclass
class AdvancedDaemonSet(DaemonSet):
    """A cluster with one DaemonSet of OpenKruise."""

    KIND = ("apps.kruise.io/v1beta1", "DaemonSet", "daemonsets")

    def delete(self, pod: Listed) -> None:
        raise AssertionError("no pod of a DaemonSet of OpenKruise is ever deleted by a release")

    def rolled(self, spec: Spec) -> list[Node]:
        def last(node: Node) -> int:
            return 0 if node.alive and node.revision == spec.revision else 1 if not node.alive else 2

        by_name = sorted(self.nodes, key=lambda node: node.name, reverse=True)
        kept = self.count(rules_of(spec).get("partition", 0))
        taken = sorted(by_name, key=last)[: max(0, len(self.nodes) - kept)]
        return self.random.sample(taken, len(taken))
