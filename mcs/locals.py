"""Locals: what a member has of Services, exports, imports and endpoints, mirrored."""

from __future__ import annotations

import asyncio
from typing import Protocol

from federation.kube.api import Api
from federation.kube.informer import Informer
from federation.kube.resources import Key, Manifest
from federation.resources import NAMESPACES
from mcs.belonging import is_marked
from mcs.groups import Groups
from mcs.mirrored import Mirrored
from mcs.names import MCS_SERVICE, Service, derived_service
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES
from mcs.slices import Slice, projected, service_at_home
from mcs.zones import Zones


class Listener(Protocol):
    """Who is told what changed in the member."""

    def export_changed(self, service: Service) -> None:
        """Its Service, ServiceExport or endpoints."""

    def import_changed(self, service: Service) -> None:
        """Its ServiceImport, derived Service, or slices of ours."""

    def namespace_changed(self, namespace: str) -> None: ...


class Locals(Mirrored):
    """The mirrors; `run` carries them."""

    def __init__(self, api: Api, listener: Listener) -> None:
        self.api, self._listener = api, listener
        self.namespaces: Informer[bool] = Informer(
            api, NAMESPACES, _is_active, lambda key: listener.namespace_changed(key[1]), metadata_only=True
        )
        self.services: Informer[Manifest] = Informer(api, SERVICES, prune, self._service_changed)
        self.exports: Informer[Manifest] = Informer(api, SERVICE_EXPORTS, prune, listener.export_changed)
        self.imports: Informer[Manifest] = Informer(api, SERVICE_IMPORTS, prune, listener.import_changed)
        self.slices: Informer[Slice] = Informer(api, ENDPOINT_SLICES, projected, self._slice_changed)
        self.zones = Zones(api, listener.import_changed)
        self._at_home: Groups[Service] = Groups()
        self._imported: Groups[Service] = Groups()
        super().__init__(self.namespaces, self.services, self.exports, self.imports, self.slices)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            group.create_task(self.zones.run())

    def endpoints(self, service: Service) -> dict[str, Slice]:
        """Return the slices of a Service that are not ours, by name: what it may export."""
        return self._named(self._at_home[service])

    def imported(self, service: Service) -> dict[str, Slice]:
        """Return the slices of ours for a Service, by name: behind its ServiceImport and its plain name."""
        return self._named(self._imported[service])

    def imported_services(self) -> set[Service]:
        """Return every Service of which anything imported is here. It looks at all Services."""
        derived = ((key[0], _derived_from(found)) for key, found in self.services.items() if is_marked(found))
        return {*self.imports.keys(), *self._imported, *derived}

    def derived(self, service: Service) -> Manifest | None:
        """Return the Service with the name of the derived one, whoever made it."""
        return self.services.get((service[0], derived_service(service)))

    def _named(self, keys: frozenset[Key]) -> dict[str, Slice]:
        found = ((key[1], self.slices.get(key)) for key in keys)
        return {name: piece for name, piece in found if piece is not None}

    def _service_changed(self, key: Key) -> None:
        self._listener.export_changed(key)
        found = self.services.get(key)
        if found and (name := _derived_from(found)):
            self._listener.import_changed((key[0], name))
        elif key[1].startswith("derived-"):
            for service in self.imports.keys():
                if service[0] == key[0] and derived_service(service) == key[1]:
                    self._listener.import_changed(service)

    def _slice_changed(self, key: Key) -> None:
        piece = self.slices.get(key)
        service = service_at_home(key[0], piece) if piece else None
        ours = piece is not None and piece.ours
        for touched in self._at_home.put(key, None if ours else service):
            self._listener.export_changed(touched)
        for touched in self._imported.put(key, service if ours else None):
            self._listener.import_changed(touched)


def _derived_from(service: Manifest) -> str:
    """Return the name of the Service that a derived one is for; empty if it is none."""
    labels: dict[str, str] = service["metadata"].get("labels") or {}
    return labels.get(MCS_SERVICE, "")


def prune(manifest: Manifest) -> Manifest:
    """Keep an object without what only its server needs."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name not in _UNREAD}
    return manifest | {"metadata": metadata}


_UNREAD = ("managedFields", "resourceVersion", "generateName", "selfLink")


def _is_active(namespace: Manifest) -> bool:
    return "deletionTimestamp" not in namespace["metadata"]
