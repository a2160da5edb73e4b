"""Telling: that a cluster was given up, or is believed again, once for all that import from it.

Each import says so in its condition; of thousands of Events at once nobody would read one.
"""

from __future__ import annotations

from federation.kube.errors import NotFound
from federation.kube.events import Events
from federation.resources import CLUSTER
from mcs.liveness import State
from mcs.names import COMPONENT
from mcs.records import Records
from policies.release.news import News

_GONE = News(
    "Warning",
    "ClusterUnreachable",
    "no sign of life from it, or its API server does not answer: the endpoints that it exports are left out "
    "in all other clusters until there is",
)
_BACK = News(
    "Normal", "ClusterReachable", "it gives signs of life: the endpoints that it exports are used again"
)


class Telling:
    """Reconciles a cluster: tells an Event on its Cluster when it is stale, and when it is so no more."""

    def __init__(self, records: Records) -> None:
        self._records, self._events = records, Events(records.api, COMPONENT, "host")
        self._told: set[str] = set()

    async def __call__(self, cluster: str) -> None:
        state = self._records.leases.state(cluster)
        stale = state is State.STALE
        if stale == (cluster in self._told):
            return
        (self._told.add if stale else self._told.discard)(cluster)
        if state is None:
            return  # its Lease went: it leaves
        try:
            live = await self._records.api.get(CLUSTER, cluster, metadata_only=True)
        except NotFound:
            return  # it left: nobody waits for it
        about = {"apiVersion": CLUSTER.api_version, "kind": CLUSTER.kind, "metadata": live["metadata"]}
        await self._events.tell(about, *(_GONE if stale else _BACK))
