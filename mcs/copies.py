"""Copies: what one cluster exports, written on the host and removed from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from federation.kube.errors import ApiError, Forbidden, Invalid, NotFound, SchemaError
from federation.kube.informer import Informer
from federation.kube.merge import difference
from federation.kube.resources import Manifest, Resource
from federation.resources import NAMESPACES
from mcs.api.cluster_export import ClusterExportSpec
from mcs.exporting import Export, export_manifest, slice_manifest
from mcs.names import FIELD_MANAGER, SOURCE_CLUSTER, Service, host_namespace
from mcs.records import Records
from mcs.resources import CLUSTER_EXPORTS, ENDPOINT_SLICES
from mcs.slices import Slice, content_of, in_order

COALESCE = 0.2
"""Seconds between two writes of one EndpointSlice at least (E6)."""
RETRY = 1.0
"""Seconds until what had to wait, for the member's mirrors or for a namespace to end, is looked at again."""


def is_refusal(error: ApiError) -> bool:
    """Whether the host will not take a write as it is; somebody else's object may be in its place."""
    return isinstance(error, Forbidden | Invalid | SchemaError) or error.cause == "AlreadyExists"


class Copies:
    """Brings the host to what a cluster exports, with one write for what differs and none otherwise.

    :param certain: whether what the member's mirrors lack is really not there; nothing is deleted else
    """

    def __init__(self, cluster: str, records: Records, certain: Callable[[], bool]) -> None:
        self._cluster, self._records, self._certain = cluster, records, certain
        self._written: dict[Service, dict[str, float]] = {}

    async def bring(self, service: Service, wanted: Export) -> float | None:
        """Write the ClusterExport before its slices, remove it before them.

        An endpoint that moves to another slice is always in one of them: what goes does so last, and what
        loses it waits for what gets it.

        :return: the seconds until what could not be done yet is due, None if all is done
        :raises ApiError: the host did not take something; a refused slice holds up no other
        """
        if wanted.spec is not None:
            await self._write_export(service, wanted.spec)
        refusal, pause = await self._write_slices(service, wanted)
        if pause is None:
            pause = await self._remove(service, wanted)
        if refusal is not None:
            raise refusal
        return pause

    async def _write_export(self, service: Service, spec: ClusterExportSpec) -> None:
        manifest, held = export_manifest(spec), self._records.export_of(self._cluster, service)
        if held is None:
            await self._create(CLUSTER_EXPORTS, manifest, self._records.exports)
            return
        labels = manifest["metadata"]["labels"]
        known = {name: held.metadata.labels.get(name) for name in labels}
        before = {"metadata": {"labels": known}, "spec": held.spec.dump()}
        body = difference(before, {"metadata": {"labels": labels}, "spec": manifest["spec"]})
        if body:
            await self._patch(CLUSTER_EXPORTS, held.metadata.name, body, self._records.exports)

    async def _write_slices(self, service: Service, wanted: Export) -> tuple[ApiError | None, float | None]:
        """Write what differs and is due; return the first refusal and when the next one is due."""
        now = asyncio.get_running_loop().time()
        times = self._times(service, wanted, now)
        refusal, pauses, late = None, [], set[str]()
        order = in_order(wanted.slices, self._records.slices_of(self._cluster, service))
        for name, waits_for in order.items():
            held = self._records.slices_of(self._cluster, service).get(name)
            content = wanted.slices[name]
            if held is not None and held.content == content:
                continue  # its labels are right, or it would not be found by them
            if name in times or waits_for & late:
                pauses.append(times.get(name, now) + COALESCE - now)
                late.add(name)
                continue
            try:
                manifest = slice_manifest(self._cluster, service, name, content)
                if not await self._write_slice(manifest, held):
                    pauses.append(RETRY)
            except ApiError as error:
                if not is_refusal(error):
                    raise
                refusal = refusal or error
            else:
                times[name] = now
        return refusal, min(pauses, default=None)

    async def _write_slice(self, manifest: Manifest, held: Slice | None) -> bool:
        if held is not None and held.content["addressType"] != manifest["addressType"]:
            if not self._certain():
                return False
            await self._delete(ENDPOINT_SLICES, manifest["metadata"]["name"], held.uid)  # it can't change
            held = None
        if held is None:
            await self._create(ENDPOINT_SLICES, manifest, self._records.slices)
        else:
            body = difference(held.content, content_of(manifest))
            await self._patch(ENDPOINT_SLICES, manifest["metadata"]["name"], body, self._records.slices)
        return True

    def _times(self, service: Service, wanted: Export, now: float) -> dict[str, float]:
        """Return when the Service's slices were written that may not be written again yet."""
        recent = {name: at for name, at in self._written.get(service, {}).items() if now < at + COALESCE}
        if wanted.slices:
            self._written[service] = recent
        else:
            self._written.pop(service, None)
        return recent

    async def _remove(self, service: Service, wanted: Export) -> float | None:
        slices = self._records.slices_of(self._cluster, service)
        surplus = {name: piece.uid for name, piece in slices.items() if name not in wanted.slices}
        export = self._records.export_of(self._cluster, service) if wanted.spec is None else None
        if not surplus and export is None:
            return None
        if not self._certain():
            return RETRY
        if export is not None:
            await self._delete(CLUSTER_EXPORTS, export.metadata.name, export.metadata.uid)
        for name, uid in surplus.items():
            await self._delete(ENDPOINT_SLICES, name, uid)
        return None

    async def _create(self, resource: Resource, manifest: Manifest, mirror: Informer[Any]) -> None:
        api = self._records.api
        try:
            answer = await api.create(resource, manifest, manager=FIELD_MANAGER)
        except NotFound:  # it is the namespace that is missing
            await api.apply(NAMESPACES, _namespace(self._cluster), manager=FIELD_MANAGER)
            answer = await api.create(resource, manifest, manager=FIELD_MANAGER)
        mirror.observe(answer)

    async def _patch(self, resource: Resource, name: str, body: Manifest, mirror: Informer[Any]) -> None:
        """Change what differs: what is on the host is ours as a whole."""
        home = host_namespace(self._cluster)
        mirror.observe(await self._records.api.patch(resource, name, home, body, manager=FIELD_MANAGER))

    async def _delete(self, resource: Resource, name: str, uid: str) -> None:
        with suppress(NotFound):
            await self._records.api.delete(resource, name, host_namespace(self._cluster), uid=uid)


def _namespace(cluster: str) -> Manifest:
    metadata = {"name": host_namespace(cluster), "labels": {SOURCE_CLUSTER: cluster}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
