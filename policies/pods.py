"""Pods: what is kept of a member's pod, and which workload it belongs to."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import NamedTuple

from policies.api.meta import Manifest
from policies.podneeds import Need, bare, need_of

_ENDED = ("Succeeded", "Failed")


class Owner(NamedTuple):
    """The workload that pods belong to."""

    namespace: str
    group: str
    kind: str
    name: str


class Pod(NamedTuple):
    """What is kept of a pod that takes room, or will."""

    node: str
    """Empty while the scheduler of its cluster has not chosen one."""
    need: Need
    owner: Owner | None
    """None for a pod without, and for one that goes: another one may come for it."""


def pod_of(live: Manifest) -> Pod | None:
    """Return what is kept of a pod; None for one that has ended and takes nothing any more."""
    spec = live["spec"]
    if (live.get("status") or {}).get("phase") in _ENDED:
        return None
    node, need = sys.intern(spec.get("nodeName") or ""), need_of(spec)
    return Pod(node, bare(need) if node else need, _owner(live["metadata"]))


def _owner(metadata: Manifest) -> Owner | None:
    """A Deployment's pods belong to a ReplicaSet, which is named after it and the hash of its template."""
    references = metadata.get("ownerReferences") or ()
    controller = next((each for each in references if each.get("controller")), None)
    if controller is None or "deletionTimestamp" in metadata:
        return None
    kind, name, group = controller["kind"], controller["name"], controller["apiVersion"].rpartition("/")[0]
    digest = (metadata.get("labels") or {}).get("pod-template-hash")
    if kind == "ReplicaSet" and digest and name.endswith(f"-{digest}"):
        kind, name = "Deployment", name.removesuffix(f"-{digest}")
    return _shared(Owner(metadata.get("namespace", ""), group, kind, name))


@lru_cache(maxsize=16384)
def _shared(owner: Owner) -> Owner:
    """Return the same value for equal ones: the pods of a workload come one by one, and are many."""
    return owner
