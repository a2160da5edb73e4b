"""How any other kind is released in steps: cluster by cluster. A cluster holds the old revision or the new.

The unit is the object itself. Nothing has to hold it back, since it changes only where it is written; whether
it is ready is what the kind's health says.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.api.meta import Manifest
from policies.workloads.driver import History, Part, Pod, Progress
from policies.workloads.whole import observed
from policies.workloads.workload import Workload


class ClusterDriver:
    """One kind without pods of its own, or of whose pods nothing is known."""

    FIELDS: Sequence[str] = ()
    DELETES = False
    BY_DELETION = False
    BROKEN_FIRST = True
    BROKEN_BESIDE = False
    POD_LABEL = ""
    HISTORY: History | None = None

    def __init__(self, workload: Workload) -> None:
        self._workload = workload

    def hold(self, _: Manifest, __: Part, ___: int, /) -> Manifest:
        return {}

    def return_to(self, _: Manifest, __: int, /) -> Manifest:
        return {}

    def replicas(self, _: int | None, __: Manifest | None, /) -> int | None:
        return 1

    def resized(self, part: Part, _: int, __: int, /) -> Part:
        return part

    def counted(self, part: Part, _: int, __: int | None, /) -> Part:
        return part

    def stopped(self, part: Part, /) -> Part:
        return part

    def progress(self, projected: Manifest, /) -> Progress:
        """Count the copy as ready unless it is on its way or failed: some kinds have nothing to tell."""
        ready = int(self._workload.health(projected) in ("Healthy", "Unknown"))
        return Progress(observed=observed(projected), total=1, ready=ready, updated=1, updated_ready=ready)

    def newest(self, _: Manifest, /) -> str | None:
        return None

    def number(self, _: Manifest, /) -> int:
        return 0

    def outliers(self, _: Sequence[Pod], __: Part, ___: Manifest, /) -> int:
        return 0

    def obstacles(self, _: Sequence[Pod], __: Part | None, ___: int, /) -> Sequence[Pod]:
        return ()

    def leftovers(self, _: Sequence[Pod], __: Part | None, ___: Manifest, /) -> Sequence[Pod]:
        return ()
