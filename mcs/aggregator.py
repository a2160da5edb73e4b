"""Aggregator: keeps the ServiceSet of each Service in step with what clusters export."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from federation.kube.errors import Conflict, NotFound
from federation.kube.merge import difference
from federation.kube.resources import Manifest
from federation.settings import NAMESPACE
from mcs.api import ServiceSet
from mcs.api.service_set import ServiceSetSpec
from mcs.merge import merged
from mcs.names import FIELD_MANAGER, Service, set_name
from mcs.policy import set_policy
from mcs.records import Records
from mcs.resources import SERVICE_SETS
from policies.api.meta import API_VERSION

START = 10.0
"""Seconds after which nobody waits any more for an exporter that begins."""
_UNTIL_CONNECTED = 1.0
"""Seconds until the next look while the host's watches are broken."""


class Aggregator:
    """Reconciles one Service at a time: the only one who writes ServiceSets."""

    def __init__(self, records: Records) -> None:
        self._records, self._api = records, records.api
        self._began: dict[str, float] = {}

    async def __call__(self, service: Service) -> float | None:
        if not self._records.connected:
            return _UNTIL_CONNECTED
        before = self._records.set_of(service)
        exports = [export.spec for export in self._records.exports_of(service)]
        if before is not None and self._unaccounted(before.spec, {export.cluster for export in exports}):
            return None  # what the source says next brings the key back
        wanted = self._records.wanted(service)
        policy = set_policy(wanted, self._records.clusters()) if wanted else None
        spec = merged(exports, before.spec if before else None, policy)
        if spec is not None and _grows(before, spec) and (pause := self._until_started()) > 0:
            return pause
        if spec is None:
            await self._withdraw(before)
        elif before is None or spec != before.spec:
            await self._put(service, spec, before)
        return None

    def _unaccounted(self, before: ServiceSetSpec, exporting: set[str]) -> bool:
        """Whether a cluster's export is missing that nobody is known to have withdrawn."""
        missing = (cluster.name for cluster in before.clusters if cluster.name not in exporting)
        return not all(self._records.speaks_for(cluster) for cluster in missing)

    def source_changed(self, cluster: str) -> None:
        """Note when an exporter begins."""
        state = self._records.source(cluster)
        if state is None or state.spec.synced or state.spec.left:
            self._began.pop(cluster, None)
        else:
            self._began.setdefault(cluster, asyncio.get_running_loop().time())

    def _until_started(self) -> float:
        """Return for how many seconds to wait for exporters that just begin.

        They will add to most sets, each of which would be written, and imported everywhere, once for each.
        """
        now = asyncio.get_running_loop().time()
        return max((began + START - now for began in self._began.values()), default=0.0)

    async def _put(self, service: Service, spec: ServiceSetSpec, before: ServiceSet | None) -> None:
        if before is None:
            answer = await self._api.create(SERVICE_SETS, _manifest(service, spec), manager=FIELD_MANAGER)
        else:
            version = {"resourceVersion": before.metadata.resource_version}
            body = {"metadata": version, "spec": difference(before.spec.dump(), spec.dump())}
            name, namespace = before.metadata.name, before.metadata.namespace
            answer = await self._api.patch(SERVICE_SETS, name, namespace, body, manager=FIELD_MANAGER)
        self._records.sets.observe(answer)

    async def _withdraw(self, before: ServiceSet | None) -> None:
        if before is None:
            return
        metadata = before.metadata
        with suppress(NotFound, Conflict):  # it is gone, or another by now: the watch tells
            await self._api.delete(
                SERVICE_SETS,
                metadata.name,
                metadata.namespace,
                uid=metadata.uid,
                resource_version=metadata.resource_version,
            )


def _grows(before: ServiceSet | None, spec: ServiceSetSpec) -> bool:
    known = {cluster.name for cluster in before.spec.clusters} if before else set()
    return any(cluster.name not in known for cluster in spec.clusters)


def _manifest(service: Service, spec: ServiceSetSpec) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": "ServiceSet",
        "metadata": {"name": set_name(service), "namespace": NAMESPACE},
        "spec": spec.dump(),
    }
