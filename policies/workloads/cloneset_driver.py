"""How a CloneSet of OpenKruise is released in steps from outside: by its partition, the number of pods that
stay at other templates.

It holds for pods that are updated, that are made and that are removed: in the source of OpenKruise 1.9
(pkg/controller/cloneset/sync) and on Kubernetes 1.36 it is exact when written together with the replicas, in
both directions. How many pods go at a time is the user's own `maxUnavailable`, within what is permitted.
"""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads.driver import Driver, Part, Progress
from policies.workloads.openkruise import said
from policies.workloads.replicated import count, observed


class CloneSetDriver(Driver):
    """CloneSets; the partition is written together with the replicas."""

    FIELDS = ("updateStrategy",)
    POD_LABEL = "pod-template-hash"
    """`controller-revision-hash` is a whole name or a hash, by a feature gate; this one is a hash."""

    def hold(self, manifest: Manifest, part: Part, replicas: int, /) -> Manifest:
        """Return the fields that let `part` of the pods be at the template, and no more."""
        kept = max(0, replicas - part.updated)
        scaled_there = "replicas" not in manifest["spec"]
        return _rolling(manifest, partition=_share(kept, replicas) if scaled_there else kept)

    def return_to(self, manifest: Manifest, max_unavailable: int, /) -> Manifest:
        return _rolling(manifest, partition=0, maxUnavailable=max(1, max_unavailable))

    def progress(self, projected: Manifest, /) -> Progress:
        return Progress(
            observed=observed(projected),
            total=count(projected, "replicas"),
            ready=count(projected, "readyReplicas"),
            updated=count(projected, "updatedReplicas"),
            updated_ready=count(projected, "updatedReadyReplicas"),
            ordered=projected["spec"].get("ordered", False),
        )

    def newest(self, projected: Manifest, /) -> str | None:
        """Return the hash, which is the last part of the revision's name; empty before one is told."""
        revision: str = projected["status"].get("updateRevision", "")
        return revision.rpartition("-")[2]


def _share(kept: int, replicas: int) -> int | str:
    """Return a count as a percentage, which is rounded up, where that is exact: it stays so when the cluster
    scales its pods.
    """
    share = 100 * kept // max(1, replicas)
    return f"{share}%" if -(-share * replicas // 100) == kept else kept


def _rolling(manifest: Manifest, **bounds: int | str) -> Manifest:
    """Return the user's own strategy within bounds, in the place where the version has it: v1alpha1 knows no
    `rollingUpdate`.
    """
    strategy = manifest["spec"].get("updateStrategy") or {}
    if manifest["apiVersion"].endswith("/v1alpha1"):
        return {"updateStrategy": _bounded(strategy, bounds)}
    rolling = _bounded(strategy.get("rollingUpdate") or {}, bounds)
    return {"updateStrategy": strategy | {"type": "RollingUpdate", "rollingUpdate": rolling}}


def _bounded(rules: Manifest, bounds: Manifest) -> Manifest:
    """Return the rules without surge: its pods would be more than were permitted, and with updates in place
    one pod would be replaced. Whoever has no pod down while others surge gets one down at a time.
    """
    kept = said(rules, but=("paused",))
    if kept.get("maxUnavailable") in (0, "0%"):
        kept["maxUnavailable"] = 1
    return kept | {"maxSurge": 0} | bounds
