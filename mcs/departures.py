"""Departures: when a cluster leaves the federation, what it exported goes from the host."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from federation.kube.errors import Conflict, NotFound
from federation.resources import CLUSTER, NAMESPACES
from federation.settings import NAMESPACE
from mcs.names import FIELD_MANAGER, host_namespace
from mcs.records import Records
from mcs.resources import CLUSTER_EXPORTS, ENDPOINT_SLICES, SOURCE_STATES
from policies.api.meta import API_VERSION

_UNTIL_ENDED = 0.2
"""Seconds until the next look while the cluster's agent is about to end."""


class Departures:
    """Reconciles one cluster at a time; `carried(cluster)` says whether an agent runs for it, which would
    export again.

    That it left is written first, and stays: it is what tells a cluster that is gone for good from a host
    that lost what it knew.
    """

    def __init__(self, records: Records, carried: Callable[[str], bool]) -> None:
        self._records, self._api, self._carried = records, records.api, carried

    async def __call__(self, cluster: str) -> float | None:
        if not await self._is_gone(cluster):
            return None
        if self._carried(cluster):
            return _UNTIL_ENDED
        state = self._records.source(cluster)
        if state is not None and not state.spec.left:
            await self._note(cluster)
        await self._clear(host_namespace(cluster))
        return None

    async def _is_gone(self, cluster: str) -> bool:
        """Ask the host itself: a mirror that lacks a Cluster proves nothing."""
        try:
            live = await self._api.get(CLUSTER, cluster, metadata_only=True)
        except NotFound:
            return True
        return "deletionTimestamp" in live["metadata"]

    async def _note(self, cluster: str) -> None:
        manifest = {
            "apiVersion": API_VERSION,
            "kind": "SourceState",
            "metadata": {"name": cluster, "namespace": NAMESPACE},
            "spec": {"cluster": cluster, "left": True},
        }
        self._records.sources.observe(await self._api.apply(SOURCE_STATES, manifest, manager=FIELD_MANAGER))

    async def _clear(self, namespace: str) -> None:
        """Remove the namespace and what the cluster wrote there: the namespace's controller may be slow.

        The namespace goes first. Nothing can be made in it then, and an agent in the member loses its
        account, which is there.
        """
        with suppress(NotFound, Conflict):
            live = await self._api.get(NAMESPACES, namespace, metadata_only=True)
            if "deletionTimestamp" not in live["metadata"]:  # a SourceState stays, and is looked at again
                await self._api.delete(NAMESPACES, namespace)
        for resource, mirror in (
            (CLUSTER_EXPORTS, self._records.exports),
            (ENDPOINT_SLICES, self._records.slices),
        ):
            for home, name in mirror.keys():
                if home == namespace:
                    with suppress(NotFound):
                        await self._api.delete(resource, name, namespace)
