"""How a DaemonSet of OpenKruise is released in steps from outside: by its partition, the number of pods that
stay at other templates.

Its controller takes the nodes whose pods are new, then those that have none, then the others by descending
name, and updates no more than the partition leaves of all of them; pods are made of the present template,
wherever the partition is (OpenKruise 1.9, pkg/controller/daemonset: daemonset_update.go, `manage`). Within
that number it updates pods that are down at once, and of the others as many as `maxUnavailable` leaves.

So the nodes that a release took are the first that the next one takes. That is so at every moment as all that
are permitted go at once: `maxUnavailable` is said to be all. How many go at a time is ours to bound.

Pods on nodes that are no longer for them, but tolerated there, count as well: for each of them the partition
leaves one more.
"""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads.driver import Part
from policies.workloads.per_node import PerNodeDriver

_ALL = "100%"
_SURGING = "Surging"
"""A rollingUpdateType of v1alpha1 that the webhook makes Standard, and v1beta1 does not know."""


class AdvancedDaemonSetDriver(PerNodeDriver):
    """DaemonSets of OpenKruise, in v1alpha1 and v1beta1."""

    FIELDS = ("updateStrategy",)
    BROKEN_FIRST = False
    SAME_FIRST = True
    NONE_FIRST = True

    def hold(self, manifest: Manifest, part: Part, replicas: int, /) -> Manifest:
        """Return the partition that keeps back all pods but `part`, however many there are if it is none."""
        kept = max(0, replicas - part.updated) if replicas and part.updated else _ALL
        return _rolling(manifest, kept, _ALL)

    def return_to(self, manifest: Manifest, max_unavailable: int, /) -> Manifest:
        return _rolling(manifest, 0, max(1, max_unavailable))

    def resized(self, part: Part, former: int, replicas: int, /) -> Part:
        """Leave the partition as it is: it keeps back as many pods of others, so the pod of a node that comes
        is one more of the template, and a node that goes was one of it, until the pods that are there tell.
        """
        come = max(0, replicas - former) if former and part.updated else 0
        return super().resized(Part(part.updated + come), former, replicas)

    def newest(self, projected: Manifest, /) -> str | None:
        """Return the hash by the name that the version has for it; empty before one is told."""
        status = projected["status"]
        found: str = status.get("updateRevision") or status.get("daemonSetHash") or ""
        return found


def _rolling(manifest: Manifest, partition: int | str, max_unavailable: int | str) -> Manifest:
    """Return the strategy, of the user's own only whether pods are updated in place.

    A pause would stop the release; a selector of nodes would leave others out for which it waits; surging
    makes more pods than were permitted, and may not be said together with `maxUnavailable`. The two are
    said, and stay as they are from wave to wave, since OpenKruise's webhook refuses an object that has lost
    one of them: they are taken away together, by the manager that writes the template.
    """
    rules = (manifest["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    way = rules.get("rollingUpdateType")
    said = {"rollingUpdateType": way} if way and way != _SURGING else {}
    bounds = {"maxUnavailable": max_unavailable, "maxSurge": 0, "partition": partition}
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": said | bounds}}
