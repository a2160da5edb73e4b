"""How any other kind is released in steps: cluster by cluster. A cluster holds the old revision or the new.

The unit is the object itself. Nothing has to hold it back, since it changes only where it is written; whether
it is ready is what the kind's health says.
"""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads.driver import Driver, Part, Progress
from policies.workloads.interpretation import is_read
from policies.workloads.whole import observed
from policies.workloads.workload import Workload


class ClusterDriver(Driver):
    """One kind without pods of its own, or of whose pods nothing is known."""

    FIELDS = ()
    POD_LABEL = ""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload

    def hold(self, _: Manifest, __: Part, ___: int, /) -> Manifest:
        return {}

    def return_to(self, _: Manifest, __: int, /) -> Manifest:
        return {}

    def progress(self, projected: Manifest, /) -> Progress:
        """Count the copy as ready unless it is on its way or failed: some kinds have nothing to tell."""
        taught = is_read(projected)
        health = projected["health"] if taught else self._workload.health(projected)
        seen = projected["observed"] if taught else observed(projected)
        ready = int(health in ("Healthy", "Unknown"))
        return Progress(observed=seen, total=1, ready=ready, updated=1, updated_ready=ready)

    def replicas(self, _: int | None, __: Manifest | None, /) -> int | None:
        return 1

    def resized(self, part: Part, _: int, __: int, /) -> Part:
        return part

    def counted(self, part: Part, _: int, __: int | None, /) -> Part:
        return part
