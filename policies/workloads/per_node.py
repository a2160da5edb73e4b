"""What DaemonSets have in common, those of Kubernetes and those of OpenKruise: a pod on each node, and no
number of replicas.

Pods of nodes that come, and those that others delete, are at the present template without our doing: they are
counted once they are seen.
"""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads.driver import Driver, Part, Progress, tally
from policies.workloads.replicated import count, reported


class PerNodeDriver(Driver):
    """Kinds whose nodes may come and go."""

    POD_LABEL = "controller-revision-hash"
    BROKEN_BESIDE = True
    PER_NODE = True

    def replicas(self, _: int | None, projected: Manifest | None, /) -> int | None:
        """The member's nodes say how many."""
        if projected is None or not reported(projected):
            return None
        return count(projected, "desiredNumberScheduled")

    def resized(self, part: Part, former: int, replicas: int, /) -> Part:
        """Count every node that went as one of the present template: if it wasn't, the pods that are there
        tell.

        A node that comes is counted with its pod. A part is never more than there are nodes, also where
        nobody knew how many.
        """
        gone = max(0, former - replicas)
        return Part(min(replicas, max(0, part.updated - gone)))

    def progress(self, projected: Manifest, /) -> Progress:
        return tally(projected, "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
