"""How a DaemonSet is released in steps from outside: it replaces nothing itself, and we delete its old pods.

Under the strategy OnDelete a pod that goes is made anew at the present template. How many may go is in the
Rollout and in what the copy says it was permitted. A throttle like the Deployment's would be a disaster: a
DaemonSet's controller deletes all old pods at once that `minReadySeconds` makes unavailable. Verified on
Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.api.meta import Manifest
from policies.workloads.driver import History, Part, Pod
from policies.workloads.per_node import PerNodeDriver


class DaemonSetDriver(PerNodeDriver):
    """DaemonSets.

    A part that is `stopped` comes to its end: no count tells how many pods were deleted for it that still
    stand.
    """

    FIELDS = ("updateStrategy",)
    DELETES = True
    HISTORY = History("apps", "ControllerRevision", "controllerrevisions")

    def hold(self, _: Manifest, __: Part, ___: int, /) -> Manifest:
        """Return the strategy by which the DaemonSet's controller replaces no pod, however many may go."""
        return {"updateStrategy": {"type": "OnDelete"}}

    def return_to(self, _: Manifest, max_unavailable: int, /) -> Manifest:
        """Surging, if the manifest has it, would leave no pod down but two on a node."""
        bounds = {"maxUnavailable": max(1, max_unavailable), "maxSurge": 0}
        return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": bounds}}

    def number(self, past: Manifest, /) -> int:
        """A template that comes back is numbered anew."""
        revision: int = past["revision"]
        return revision

    def obstacles(self, pods: Sequence[Pod], part: Part | None, replicas: int, /) -> Sequence[Pod]:
        """Return the old pods that may go now, those that are not ready first.

        So many old pods have to stay as were not permitted: whoever deleted the others, and whether what
        takes their place is there yet, the answer is the same when it is asked for again.
        """
        if part is None:
            return ()
        old = [pod for pod in pods if not pod.newest and not pod.leaving]
        new = sum(pod.newest and not pod.leaving for pod in pods)
        may_go = max(0, min(len(old) - (replicas - part.updated), part.updated - new))
        return sorted(old, key=lambda pod: (pod.ready, pod.name))[:may_go]

    def leftovers(self, pods: Sequence[Pod], part: Part | None, projected: Manifest, /) -> Sequence[Pod]:
        """Return those that go for what was begun."""
        return self.obstacles(pods, part, self.replicas(None, projected) or 0)
