"""Renewing: an agent's sign of life, written to its cluster's Lease on the host.

One write says two things: that the agent reaches the host, and when it reached its cluster last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from federation.kube.errors import NotFound
from federation.kube.resources import Manifest
from federation.settings import Staleness
from mcs.names import FIELD_MANAGER, FRESH_TIME, SOURCE_CLUSTER, SOURCE_LEASE, host_namespace
from mcs.records import Records
from mcs.resources import LEASES

_HOLDS = 4
"""The Lease is said to hold for so many renewals."""


class Renewing:
    """Reconciles a cluster's Lease: renews it, again and again for as long as the cluster is carried here.

    - `carried(cluster)`: whether this process speaks for it
    - `fresh(cluster)`: whether it reaches it: its mirrors are connected, and since a watch that is silent
      proves nothing, its API server answered a request lately
    """

    def __init__(
        self,
        records: Records,
        carried: Callable[[str], bool],
        fresh: Callable[[str], bool],
        staleness: Staleness,
    ) -> None:
        self._api, self._accepted = records.api, records.leases.accepted
        self._carried, self._fresh, self._period = carried, fresh, staleness.renew

    async def __call__(self, cluster: str) -> float | None:
        if not self._carried(cluster):
            self._accepted.pop(cluster, None)
            return None
        accepted = False
        try:
            await self._renew(cluster)
            accepted = True
        finally:
            self._accepted[cluster] = accepted
        return self._period

    async def _renew(self, cluster: str) -> None:
        """A cluster that never exported has no namespace on the host, and nobody waits for its Lease."""
        manifest, namespace = self._lease(cluster), host_namespace(cluster)
        try:
            await self._api.patch(LEASES, SOURCE_LEASE, namespace, manifest, manager=FIELD_MANAGER)
        except NotFound:
            with suppress(NotFound):
                await self._api.create(LEASES, manifest, manager=FIELD_MANAGER)

    def _lease(self, cluster: str) -> Manifest:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {
                "namespace": host_namespace(cluster),
                "name": SOURCE_LEASE,
                "labels": {SOURCE_CLUSTER: cluster},
                "annotations": {FRESH_TIME: now} if self._fresh(cluster) else {},
            },
            "spec": {
                "holderIdentity": cluster,
                "leaseDurationSeconds": math.ceil(_HOLDS * self._period),
                "renewTime": now,
            },
        }
