"""Records: what the host knows of Services across clusters, mirrored. Who reads here writes elsewhere.

What a cluster says counts only in that cluster's own namespace: nobody speaks for another, and what a host
that is a member itself imports is not taken for exports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from federation.kube.api import Api
from federation.kube.errors import NotFound
from federation.kube.informer import Informer
from federation.kube.resources import Key, Resource
from federation.settings import NAMESPACE, STALENESS, Staleness
from mcs.api import ClusterExport, MultiClusterService, ServiceSet, SourceState
from mcs.groups import Groups
from mcs.importing import certain_of
from mcs.lease_observer import LeaseObserver
from mcs.memberships import Memberships
from mcs.mirrored import Mirrored
from mcs.names import CONTROLLER, MANAGED_BY, Service, export_name, host_namespace, set_name
from mcs.policy import is_deleted
from mcs.resources import (
    CLUSTER_EXPORTS,
    ENDPOINT_SLICES,
    MULTI_CLUSTER_SERVICES,
    SERVICE_SETS,
    SOURCE_STATES,
)
from mcs.slices import Slice, projected, service_on_host
from mcs.words import Words


class Listener(Protocol):
    """Who is told what changed on the host."""

    def exports_changed(self, service: Service) -> None:
        """Some cluster exports the Service, or is to, or does so no more, or otherwise."""

    def set_changed(self, service: Service) -> None: ...
    def slices_changed(self, source: str, service: Service) -> None:
        """What a cluster's endpoints are on the host, or whether they are left out because it is gone."""

    def source_changed(self, cluster: str) -> None: ...


class Records(Mirrored):
    """The mirrors; `run` carries them. Any number may listen.

    `leases` says which clusters give no sign of life. It is no mirror of these: nobody waits for it.
    `words` says of which clusters it is known that what is here is all there is.

    :param only: the one Cluster that matters, in the agent of a member; None: all
    """

    def __init__(self, api: Api, staleness: Staleness = STALENESS, *, only: str | None = None) -> None:
        self.api = api
        self.words = Words(self._word_given)
        self.leases = LeaseObserver(api, staleness, self._liveness_changed, self._is_synced, self.words.give)
        doubt = self.words.doubt
        self.listeners: set[Listener] = set()
        self.judged: set[Callable[[str], None]] = set()
        """Who is told of a cluster that was given up, or is believed again."""
        self.exports: Informer[ClusterExport] = Informer(
            api, CLUSTER_EXPORTS, ClusterExport.model_validate, self._export_changed, lists=doubt
        )
        self.sets: Informer[ServiceSet] = Informer(
            api, SERVICE_SETS, ServiceSet.model_validate, self._set_changed, lists=doubt
        )
        self.sources: Informer[SourceState] = Informer(
            api, SOURCE_STATES, SourceState.model_validate, self._source_changed, lists=doubt
        )
        self.memberships = Memberships(api, only=only)
        self.memberships.listeners.add(self._cluster_changed)
        self.policies: Informer[MultiClusterService] = Informer(
            api, MULTI_CLUSTER_SERVICES, MultiClusterService.model_validate, self._policy_changed
        )
        self.ended: set[Service] = set()
        """The Services whose MultiClusterService was seen to be deleted."""
        self.slices: Informer[Slice] = Informer(
            api,
            ENDPOINT_SLICES,
            projected,
            self._slice_changed,
            selector={"labelSelector": f"{MANAGED_BY}={CONTROLLER}"},
            lists=doubt,
        )
        self._exports_of: Groups[Service] = Groups()
        self._sets_of: Groups[Service] = Groups()
        self._slices_of: Groups[tuple[str, Service]] = Groups()
        super().__init__(
            self.exports, self.sets, self.sources, self.memberships.mirror, self.policies, self.slices
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            group.create_task(self.leases.run())

    def services(self) -> set[Service]:
        """Return every Service of which anything is known."""
        return {*self._exports_of, *self._sets_of, *(service for _, service in self._slices_of)}

    def set_of(self, service: Service) -> ServiceSet | None:
        return self.sets.get((NAMESPACE, set_name(service)))

    def export_of(self, cluster: str, service: Service) -> ClusterExport | None:
        return self.exports.get((host_namespace(cluster), export_name(cluster, service)))

    def exports_of(self, service: Service) -> list[ClusterExport]:
        """Return who exports a Service, in no order."""
        found = (self.exports.get(key) for key in self._exports_of[service])
        return [export for export in found if export is not None]

    async def has(self, resource: Resource, cluster: str, name: str) -> bool:
        """Ask the host itself whether there is something of a cluster.

        Each mirror has a watch of its own: a cluster's word may be here before what it wrote ahead of that.
        """
        try:
            await self.api.get(resource, name, host_namespace(cluster), metadata_only=True)
        except NotFound:
            return False
        return True

    def slices_of(self, cluster: str, service: Service) -> dict[str, Slice]:
        """Return the slices that a cluster exports for a Service, by name."""
        found = ((key[1], self.slices.get(key)) for key in self._slices_of[cluster, service])
        return {name: piece for name, piece in found if piece is not None}

    def exported_by(self, cluster: str) -> set[Service]:
        """Return every Service of which anything of a cluster is on the host. It looks at all there is."""
        space = host_namespace(cluster)
        exports = (export.spec for key, export in self.exports.items() if key[0] == space)
        slices = {service for source, service in self._slices_of if source == cluster}
        return {(spec.namespace, spec.name) for spec in exports} | slices

    def wanted(self, service: Service) -> MultiClusterService | None:
        """Return what is wanted of a Service; it may be about to go."""
        return self.policies.get(service)

    def clusters(self) -> dict[str, dict[str, str]]:
        """Return the labels of every Cluster by its name."""
        return {name: found.labels for (_, name), found in self.memberships.mirror.items()}

    def labels_of(self, cluster: str) -> dict[str, str] | None:
        """Return the labels of a Cluster; None if it is not there."""
        return self.memberships.labels(cluster)

    def source(self, cluster: str) -> SourceState | None:
        return self.sources.get((NAMESPACE, cluster))

    def speaks_for(self, cluster: str) -> bool:
        """Whether what a cluster has not on the host is known not to be exported there."""
        state = self.source(cluster)
        return state is not None and (state.spec.synced or state.spec.left)

    def left(self) -> frozenset[str]:
        """Return the clusters that left."""
        return frozenset(state.spec.cluster for _, state in self.sources.items() if state.spec.left)

    def certain(self) -> frozenset[str]:
        """Return the clusters of which what is not here is known to be gone."""
        return certain_of((state.spec for _, state in self.sources.items()), self.words)

    def relist(self) -> None:
        super().relist()
        self.leases.mirror.relist()

    def _word_given(self, cluster: str, service: Service) -> None:
        for listener in list(self.listeners):
            listener.slices_changed(cluster, service)

    def _is_synced(self, cluster: str) -> bool:
        state = self.source(cluster)
        return state is not None and state.spec.synced

    def _liveness_changed(self, cluster: str) -> None:
        for told in list(self.judged):
            told(cluster)
        sets = (found.spec for _, found in self.sets.items())
        named = {(each.namespace, each.name) for each in sets if cluster in (c.name for c in each.clusters)}
        for service in self.exported_by(cluster) | named:
            for listener in list(self.listeners):
                listener.slices_changed(cluster, service)

    def _export_changed(self, key: Key) -> None:
        export = self.exports.get(key)
        at_home = export is not None and key[0] == host_namespace(export.spec.cluster)
        service = (export.spec.namespace, export.spec.name) if export and at_home else None
        for touched in self._exports_of.put(key, service):
            for listener in list(self.listeners):
                listener.exports_changed(touched)

    def _policy_changed(self, service: Service) -> None:
        """It says who exports, and how: a matter of those who are told of exports."""
        wanted = self.wanted(service)
        if wanted is not None:
            (self.ended.add if is_deleted(wanted) else self.ended.discard)(service)
        for listener in list(self.listeners):
            listener.exports_changed(service)

    def _cluster_changed(self, cluster: str) -> None:
        for service in self.policies.keys():
            for listener in list(self.listeners):
                listener.exports_changed(service)

    def _set_changed(self, key: Key) -> None:
        found = self.sets.get(key)
        service = (found.spec.namespace, found.spec.name) if found else None
        for touched in self._sets_of.put(key, service):
            for listener in list(self.listeners):
                listener.set_changed(touched)

    def _slice_changed(self, key: Key) -> None:
        piece = self.slices.get(key)
        at_home = piece is not None and key[0] == host_namespace(piece.source)
        home = (piece.source, service_on_host(piece)) if piece and at_home else None
        for source, touched in self._slices_of.put(key, home):
            for listener in list(self.listeners):
                listener.slices_changed(source, touched)

    def _source_changed(self, key: Key) -> None:
        """That all is here is a word, too, but not if it is read from a store that may be an old one."""
        if not self.sources.listing and self._is_synced(key[1]):
            self.words.give(key[1])
        for listener in list(self.listeners):
            listener.source_changed(key[1])
