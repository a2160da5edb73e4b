"""How a Deployment is released in steps from outside: by a throttle.

New pods that must stay ready for decades never become available, so the Deployment's controller stops once
`maxUnavailable` of its pods are new: that field is the cumulative size of the step. Template and throttle go
in one write; the other way round, old pods would be counted as unavailable. Verified on Kubernetes 1.36.
"""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads.driver import Driver, History, Part, Progress, tally

_NUMBER = "deployment.kubernetes.io/revision"
_FOR_EVER = 2**31 - 1


class DeploymentDriver(Driver):
    """Deployments; both their ReplicaSets are scaled in proportion."""

    FIELDS = ("minReadySeconds", "progressDeadlineSeconds", "strategy")
    POD_LABEL = "pod-template-hash"
    HISTORY = History("apps", "ReplicaSet", "replicasets")

    def hold(self, manifest: Manifest, part: Part, replicas: int, /) -> Manifest:
        """Return the fields that let `part` (1 at least) of the pods be at the template, and no more."""
        scaled_there = "replicas" not in manifest["spec"]
        updated = _share(part.updated, replicas) if scaled_there else part.updated
        return {
            "minReadySeconds": _FOR_EVER - 1,  # must be less than the deadline
            "progressDeadlineSeconds": _FOR_EVER,
            "strategy": _rolling(updated),
        }

    def return_to(self, manifest: Manifest, max_unavailable: int, /) -> Manifest:
        spec = manifest["spec"]
        return {
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "progressDeadlineSeconds": spec.get("progressDeadlineSeconds", 600),
            "strategy": _rolling(max_unavailable),
        }

    def progress(self, projected: Manifest, /) -> Progress:
        return tally(projected, "replicas", "readyReplicas", "updatedReplicas")

    def number(self, past: Manifest, /) -> int:
        return int((past["metadata"].get("annotations") or {}).get(_NUMBER, 0))


def _share(updated: int, replicas: int) -> int | str:
    """Return a count as a percentage where that is exact: it stays so when the cluster scales its pods.

    A count would let nearly all pods go when there are fewer of them (measured on Kubernetes 1.36).
    """
    share = -(-100 * updated // max(1, replicas))
    return f"{share}%" if share * replicas // 100 == updated > 0 else updated


def _rolling(max_unavailable: int | str) -> Manifest:
    bounds = {"maxUnavailable": max_unavailable or 1, "maxSurge": 0}
    return {"type": "RollingUpdate", "rollingUpdate": bounds}
