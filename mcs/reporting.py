"""Reporting: says on a MultiClusterService what became of it, and holds it while anything was made for it."""

from __future__ import annotations

from contextlib import suppress

from federation.kube.errors import Conflict, NotFound
from federation.timestamps import utc_now
from mcs.api import MultiClusterService
from mcs.api.cluster_export import ClusterExportSpec
from mcs.names import FIELD_MANAGER, FINALIZER, Service
from mcs.policy import is_deleted, status
from mcs.records import Records
from mcs.resources import MULTI_CLUSTER_SERVICES
from policies.api.meta import API_VERSION

_UNTIL_CONNECTED = 1.0
"""Seconds until the next look while the host's watches are broken."""


class Reporting:
    """Reconciles one MultiClusterService."""

    def __init__(self, records: Records) -> None:
        self._records, self._api = records, records.api

    async def __call__(self, service: Service) -> float | None:
        wanted = self._records.wanted(service)
        if wanted is None:
            return None
        if not self._records.connected:
            return _UNTIL_CONNECTED
        exports = [export.spec for export in self._records.exports_of(service)]
        with suppress(NotFound, Conflict):  # it is gone, or another by now: the watch tells
            held = await self._hold(service, wanted, exports)
            if held or not is_deleted(wanted):
                await self._tell(service, wanted, exports)
        return None

    async def _hold(
        self, service: Service, wanted: MultiClusterService, exports: list[ClusterExportSpec]
    ) -> bool:
        """Keep the finalizer while there are ServiceExports that go with it; say whether it stays."""
        metadata = wanted.metadata
        has = FINALIZER in metadata.finalizers
        asks = wanted.spec.export_from is not None and not is_deleted(wanted)
        sought = asks or (has and not self._is_over(wanted, exports))
        if sought != has:
            kept = [each for each in metadata.finalizers if each != FINALIZER]
            body = {
                "metadata": {
                    "resourceVersion": metadata.resource_version,
                    "finalizers": [*kept, FINALIZER] if sought else kept,
                }
            }
            await self._api.patch(MULTI_CLUSTER_SERVICES, service[1], service[0], body, manager=FIELD_MANAGER)
        return sought

    def _is_over(self, wanted: MultiClusterService, exports: list[ClusterExportSpec]) -> bool:
        """Whether the clusters that exported it say that what was made for it is gone, or left."""
        exporters = (each.name for each in wanted.status.clusters)
        heard = all(
            self._records.speaks_for(name) for name in exporters if self._records.labels_of(name) is not None
        )
        return heard and not any(export.requested for export in exports)

    async def _tell(
        self, service: Service, wanted: MultiClusterService, exports: list[ClusterExportSpec]
    ) -> None:
        after = status(wanted, self._records.clusters(), exports, utc_now())
        if after == wanted.status:
            return
        manifest = {
            "apiVersion": API_VERSION,
            "kind": MultiClusterService.__name__,
            "metadata": {"namespace": service[0], "name": service[1]},
            "status": after.dump(),
        }
        await self._api.apply(MULTI_CLUSTER_SERVICES, manifest, manager=FIELD_MANAGER, subresource="status")
