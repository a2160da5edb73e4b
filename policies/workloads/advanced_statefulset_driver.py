"""How an Advanced StatefulSet of OpenKruise is released in steps from outside: by its partition, as one of
Kubernetes is.

In the source of OpenKruise 1.9 (pkg/controller/statefulset) the partition counts pods from the first,
reserved ordinals aside: those beyond it go, from the last down, as many at a time as `maxUnavailable` says
(with OrderedReady its webhook refuses any other than 1); one below it that is made anew is of the revision
before. Pods below it that are down count, too: while they are, fewer go that serve.

The revision before is given up as soon as all pods that are *there* are of the template and ready, even if
others are missing. Where the last pods of the revision before are lost at one time, those that come in their
place may be of the template, and those that come later are (also seen with OpenKruise 1.9.1), by scaling up,
too. No partition prevents it, and the run counts them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from policies.api.meta import Manifest
from policies.workloads.driver import Pod, Progress
from policies.workloads.openkruise import said
from policies.workloads.replicated import count
from policies.workloads.statefulset_driver import StatefulSetDriver

_NOT_HELD = ("paused", "unorderedUpdate")
"""What stops the pods that are permitted, and what lets others go than those the partition names."""
_DEFAULTS = {"maxUnavailable": 1, "podUpdatePolicy": "ReCreate", "minReadySeconds": 0}
"""What OpenKruise's webhook fills in. Said by us, it goes with us: it would be in the way of `OnDelete`."""
_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})")


class AdvancedStatefulSetDriver(StatefulSetDriver):
    """StatefulSets of OpenKruise; what is not about the partition stays as their user says."""

    def return_to(self, manifest: Manifest, max_unavailable: int, /) -> Manifest:
        """They go one at a time where they come in order: more are refused."""
        in_parallel = manifest["spec"].get("podManagementPolicy") == "Parallel"
        bound = max(1, max_unavailable) if in_parallel else 1
        return self._rolling(manifest, partition=0, maxUnavailable=bound)

    def _rolling(self, manifest: Manifest, /, **bounds: Any) -> Manifest:
        strategy = manifest["spec"].get("updateStrategy") or {}
        rules = said(strategy.get("rollingUpdate") or {}, but=_NOT_HELD)
        return super()._rolling(manifest, **_DEFAULTS | rules | bounds)

    def progress(self, projected: Manifest, /) -> Progress:
        """Count the new ones that are ready where its status tells them: that of v1alpha1 does not."""
        seen = super().progress(projected)
        told = min(seen.updated, count(projected, "updatedReadyReplicas") - seen.leaving)
        return seen._replace(updated_ready=max(seen.updated_ready, told))

    def placed(self, pods: Sequence[Pod], projected: Manifest, /) -> Sequence[Pod]:
        """Ordinals that are reserved have no place. `ordinals.start` has a meaning by a feature gate alone:
        where there are pods before it, it has none.
        """
        start = projected["spec"].get("ordinals", {}).get("start", 0)
        first = start if all(pod.ordinal >= start for pod in pods) else 0
        ranges = map(_range, projected["spec"].get("reserveOrdinals") or ())
        reserved = sorted(ranges, key=lambda span: span.start)
        return [pod._replace(ordinal=_place(pod.ordinal, first, reserved)) for pod in pods]


def _range(reserved: int | str) -> range:
    """Read `3` or `"3-5"`, which is three ordinals; what else is said is none, and refused by OpenKruise."""
    if isinstance(reserved, int):
        return range(reserved, reserved + 1)
    found = _RANGE.fullmatch(reserved)
    return range(int(found[1]), int(found[2]) + 1) if found else range(0)


def _place(ordinal: int, first: int, reserved: Sequence[range]) -> int:
    """:param reserved: by their starts; they may overlap."""
    without, counted = 0, first
    for span in reserved:
        start, stop = max(counted, span.start), min(span.stop, ordinal)
        if start < stop:
            without, counted = without + stop - start, stop
    return ordinal - first - without
