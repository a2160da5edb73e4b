"""How a StatefulSet is released in steps from outside: by its partition.

Its controller replaces pods one at a time from the last down to the partition; a pod below it that is made
anew is of the revision before. Verified on Kubernetes 1.36. `maxUnavailable` is left out: servers without its
feature gate drop it silently.

Partitions count from the first pod. Where a StatefulSet is scaled up, the pods of the template are not the
last ones any more: as outliers they stay as they are, below a partition that lets none go.

Its controller waits for a pod that is not ready rather than replace it, also with one that could be: where
pods may go, those are deleted by us. They serve nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from policies.api.meta import Manifest
from policies.workloads.driver import Driver, Part, Pod, Progress, proven
from policies.workloads.replicated import count, observed, wanted


class StatefulSetDriver(Driver):
    """StatefulSets, OrderedReady and Parallel."""

    FIELDS = ("updateStrategy",)
    DELETES = True
    BROKEN_FIRST = False
    BROKEN_BESIDE = True
    POD_LABEL = "controller-revision-hash"

    def hold(self, manifest: Manifest, part: Part, replicas: int, /) -> Manifest:
        """Return the partition that covers `part`, outliers aside.

        Where the cluster scales its pods itself, those that it adds are of the template until the next write.
        """
        return self._rolling(manifest, partition=_partition(part, manifest["spec"].get("replicas", replicas)))

    def return_to(self, manifest: Manifest, _: int, /) -> Manifest:
        """They go one at a time."""
        return self._rolling(manifest, partition=0)

    def _rolling(self, _: Manifest, /, **bounds: Any) -> Manifest:
        return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": bounds}}

    def resized(self, part: Part, former: int, replicas: int, /) -> Part:
        """Pods come and go at the end, which is where those of the template are, outliers aside.

        When all could be of the template, its controller may make those that come of it, wherever the
        partition is.
        """
        if replicas >= former:
            updated = replicas if part.updated >= former else part.updated
            return Part(updated, outliers=updated)
        left = max(0, part.updated - part.outliers - (former - replicas))
        outliers = min(part.outliers, replicas - left)
        return Part(left + outliers, outliers)

    def counted(self, part: Part, updated: int, outliers: int | None, /) -> Part:
        """Count the outliers that are there, and leave the partition where it is."""
        covered = part.updated - part.outliers
        found = part.outliers if outliers is None else outliers
        uncounted = max(0, updated - covered - found)
        return Part(covered + found + uncounted, found + uncounted)

    def stopped(self, part: Part, /) -> Part:
        """A partition that covers none."""
        return Part(part.updated, outliers=part.updated)

    def progress(self, projected: Manifest, /) -> Progress:
        """Count as new and ready what can't be old: a StatefulSet's status does not tell the two apart.

        Pods that are too many go from the end: they count as if they were of the template, and gone.
        """
        total, ready = count(projected, "replicas"), count(projected, "readyReplicas")
        updated = count(projected, "updatedReplicas")
        too_many = max(0, total - wanted(projected))
        return Progress(
            observed=observed(projected),
            total=total,
            ready=ready,
            updated=max(0, updated - too_many),
            updated_ready=proven(total, ready - too_many, updated),
            leaving=too_many,
        )

    def newest(self, projected: Manifest, /) -> str | None:
        revision: str = projected["status"].get("updateRevision", "")
        return revision

    def placed(self, pods: Sequence[Pod], projected: Manifest, /) -> Sequence[Pod]:
        start = projected["spec"].get("ordinals", {}).get("start", 0)
        return [pod._replace(ordinal=pod.ordinal - start) for pod in pods]

    def outliers(self, newest: Sequence[Pod], part: Part, projected: Manifest, /) -> int:
        """Count those that leave, too: until they are gone they are of the template."""
        if _all_made_of_it(projected):
            return part.outliers
        own: int = projected["spec"].get("partition", 0)
        return sum(pod.ordinal < own for pod in newest)

    def obstacles(self, pods: Sequence[Pod], part: Part | None, replicas: int, /) -> Sequence[Pod]:
        covered = _partition(part, replicas)
        return [pod for pod in _down(pods) if pod.ordinal >= covered and not pod.newest]

    def leftovers(self, pods: Sequence[Pod], part: Part | None, projected: Manifest, /) -> Sequence[Pod]:
        """A part is stopped: what is deleted of it comes back at the revision before, if there is one."""
        if part is None:
            own: int = projected["spec"].get("partition", 0)
            return [pod for pod in _down(pods) if pod.ordinal >= own and not pod.newest]
        return [] if _all_made_of_it(projected) else [pod for pod in _down(pods) if pod.newest]


def _partition(part: Part | None, replicas: int) -> int:
    """Return how many pods stay as they are: all but those that a part covers; None for a part of all."""
    return 0 if part is None else max(0, replicas - (part.updated - part.outliers))


def _all_made_of_it(projected: Manifest) -> bool:
    """Whether pods below the partition, too, are made of the template: once all were of it and ready."""
    status = projected["status"]
    return bool(status.get("currentRevision") == status.get("updateRevision"))


def _down(pods: Iterable[Pod]) -> Iterable[Pod]:
    return (pod for pod in pods if not pod.ready and not pod.leaving)
