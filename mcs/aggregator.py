"""Aggregator: keeps the ServiceSet of each Service in step with what clusters export."""

from __future__ import annotations

from contextlib import suppress

from federation.kube.errors import Conflict, NotFound
from federation.kube.resources import Manifest
from federation.settings import NAMESPACE
from mcs.api import ServiceSet
from mcs.api.service_set import ServiceSetSpec
from mcs.merge import merged
from mcs.names import FIELD_MANAGER, Service, set_name
from mcs.records import Records
from mcs.resources import SERVICE_SETS
from policies.api.meta import API_VERSION

_UNTIL_CONNECTED = 1.0
"""Seconds until the next look while the host's watches are broken."""


class Aggregator:
    """Reconciles one Service at a time: the only one who writes ServiceSets."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def __call__(self, service: Service) -> float | None:
        if not self._records.connected:
            return _UNTIL_CONNECTED
        before = self._records.set_of(service)
        exports = [export.spec for export in self._records.exports_of(service)]
        if before is not None and self._unaccounted(before.spec, {export.cluster for export in exports}):
            return None  # what the source says next brings the key back
        spec = merged(exports, before.spec if before else None)
        if spec is None:
            await self._withdraw(before)
        elif before is None or spec != before.spec:
            await self._put(service, spec)
        return None

    def _unaccounted(self, before: ServiceSetSpec, exporting: set[str]) -> bool:
        """Whether a cluster's export is missing that nobody is known to have withdrawn."""
        missing = (cluster.name for cluster in before.clusters if cluster.name not in exporting)
        return not all(self._records.speaks_for(cluster) for cluster in missing)

    async def _put(self, service: Service, spec: ServiceSetSpec) -> None:
        manifest: Manifest = {
            "apiVersion": API_VERSION,
            "kind": "ServiceSet",
            "metadata": {"name": set_name(service), "namespace": NAMESPACE},
            "spec": spec.dump(),
        }
        answer = await self._records.api.apply(SERVICE_SETS, manifest, manager=FIELD_MANAGER)
        self._records.sets.observe(answer)

    async def _withdraw(self, before: ServiceSet | None) -> None:
        if before is None:
            return
        metadata = before.metadata
        with suppress(NotFound, Conflict):  # it is gone, or another by now: the watch tells
            await self._records.api.delete(
                SERVICE_SETS,
                metadata.name,
                metadata.namespace,
                uid=metadata.uid,
                resource_version=metadata.resource_version,
            )
