"""How a Deployment is released in steps from outside: by a throttle.

New pods that must stay ready for decades never become available, so the Deployment's controller stops once
`maxUnavailable` of its pods are new: that field is the cumulative size of the step. Template and throttle go
in one write; the other way round, old pods would be counted as unavailable. Verified on Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.api.meta import Manifest
from policies.workloads.driver import History, Part, Pod, Progress, in_proportion
from policies.workloads.replicated import count, observed, wanted

FIELDS: Sequence[str] = ("minReadySeconds", "progressDeadlineSeconds", "strategy")
DELETES = False
BY_DELETION = False
BROKEN_FIRST = True
BROKEN_BESIDE = False
POD_LABEL = "pod-template-hash"
HISTORY: History | None = History("apps", "ReplicaSet", "replicasets")
_NUMBER = "deployment.kubernetes.io/revision"
_FOR_EVER = 2**31 - 1


def hold(manifest: Manifest, part: Part, replicas: int) -> Manifest:
    """Return the fields that let `part` (1 at least) of the pods be at the template, and no more."""
    scaled_there = "replicas" not in manifest["spec"]
    updated = _share(part.updated, replicas) if scaled_there else part.updated
    return {
        "minReadySeconds": _FOR_EVER - 1,  # must be less than the deadline
        "progressDeadlineSeconds": _FOR_EVER,
        "strategy": _rolling(updated),
    }


def _share(updated: int, replicas: int) -> int | str:
    """Return a count as a percentage where that is exact: it stays so when the cluster scales its pods.

    A count would let nearly all pods go when there are fewer of them (measured on Kubernetes 1.36).
    """
    share = -(-100 * updated // max(1, replicas))
    return f"{share}%" if share * replicas // 100 == updated > 0 else updated


def return_to(manifest: Manifest, max_unavailable: int) -> Manifest:
    """Return the fields that bring all pods to the template with so many down at a time.

    They are said outright, also where the manifest leaves them out: the throttle must end in this very write.
    """
    spec = manifest["spec"]
    return {
        "minReadySeconds": spec.get("minReadySeconds", 0),
        "progressDeadlineSeconds": spec.get("progressDeadlineSeconds", 600),
        "strategy": _rolling(max_unavailable),
    }


def _rolling(max_unavailable: int | str) -> Manifest:
    bounds = {"maxUnavailable": max_unavailable or 1, "maxSurge": 0}
    return {"type": "RollingUpdate", "rollingUpdate": bounds}


def replicas(placed: int | None, projected: Manifest | None) -> int | None:
    return wanted(projected) if placed is None and projected is not None else placed


def resized(part: Part, former: int, replicas: int) -> Part:
    """Both ReplicaSets are scaled in proportion."""
    return Part(in_proportion(part.updated, former, replicas))


def counted(part: Part, updated: int, _: int | None) -> Part:
    """One that is scaled may round one up."""
    return Part(max(part.updated, updated))


def stopped(part: Part) -> Part:
    """It goes on to what it was permitted until the next revision is written."""
    return part


def progress(projected: Manifest) -> Progress:
    """Count as new and ready what can't be old: a Deployment's status does not tell the two apart."""
    total, ready = count(projected, "replicas"), count(projected, "readyReplicas")
    updated = count(projected, "updatedReplicas")
    return Progress(
        observed=observed(projected),
        total=total,
        ready=ready,
        updated=updated,
        updated_ready=max(0, ready - (total - updated)),
    )


def newest(_: Manifest) -> str | None:
    return None


def number(past: Manifest) -> int:
    return int((past["metadata"].get("annotations") or {}).get(_NUMBER, 0))


def outliers(_: Sequence[Pod], __: Part, ___: Manifest) -> int:
    return 0


def obstacles(_: Sequence[Pod], __: Part | None, ___: int) -> Sequence[Pod]:
    return ()


def leftovers(_: Sequence[Pod], __: Part | None, ___: Manifest) -> Sequence[Pod]:
    return ()
