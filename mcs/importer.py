"""The importer of one member: brings there what a ServiceSet says: ServiceImport, Service, EndpointSlices.

Nothing is written unless the mirrors of the host and of the member are both up to date (M1); only the
member's own endpoints need no host (M7). What the host does not have is gone only if those who exported it
say so: SourceStates decide, not what is absent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from federation.kube.errors import Forbidden, Invalid, NotFound, StatusError
from federation.kube.events import Events
from federation.kube.resources import Manifest, Resource
from federation.timestamps import utc_now
from mcs.api import ServiceSet
from mcs.families import Families
from mcs.importing import Import, certain_of, imported, is_withdrawn, key_of, left_out, leftovers
from mcs.liveness import State
from mcs.locals import Locals
from mcs.names import COMPONENT, CONTROLLER, IMPORTED_BY, SET_REVISION, Service, slice_name
from mcs.outage import last_known
from mcs.owned import IMPORT, SERVICE, STATUS
from mcs.readiness import IMPORTED, Readiness, lacks_sources, name_taken, no_common_family, refused, status_of
from mcs.records import Records
from mcs.resources import ENDPOINT_SLICES, SERVICE_IMPORTS, SERVICE_SETS, SERVICES
from mcs.slices import Slice, in_order
from mcs.transitions import transitions
from mcs.writing import Writer
from policies.api.meta import Condition

log = logging.getLogger(__name__)

_AGAIN = 1.0
"""Seconds until the next look when a mirror is behind."""
_UNPROVEN = 5.0
"""Seconds until the next look when a cluster has to prove that it is there again."""


class Importer:
    """Reconciles what one member imports of one Service."""

    def __init__(self, cluster: str, records: Records, locals_: Locals) -> None:
        self._cluster, self._records, self._locals = cluster, records, locals_
        self._events = Events(locals_.api, COMPONENT, cluster)
        self._writer, self._families = Writer(locals_), Families(locals_)
        self._foreign: set[Service] = set()

    async def __call__(self, service: Service) -> float | None:
        if not self._locals.connected:
            return _AGAIN
        away = not self._records.connected
        pause = await self._look(service, away)
        return _AGAIN if away else pause

    async def _look(self, service: Service, away: bool) -> float | None:
        if not self._locals.namespaces.get(("", service[0])):
            return None  # M2: absent or on its way out
        live = self._locals.imports.get(service)
        if live is not None and self._leave(service, live):
            return None
        try:
            return await (self._track(service, live) if away else self._reconcile(service, live))
        except StatusError as error:
            if error.cause == "NamespaceTerminating":
                return None
            raise

    def _leave(self, service: Service, live: Manifest) -> bool:
        """Whether a ServiceImport is not to be touched: someone else's, or on its way out."""
        if _is_marked(live):
            self._foreign.discard(service)
            return "deletionTimestamp" in live["metadata"]
        if service not in self._foreign:
            self._foreign.add(service)
            log.warning(
                "serviceimports %s/%s: cluster %s has one that is not ours, which stays as it is; delete it "
                "there to import the Service",
                *service, self._cluster, extra={"key": "/".join(service), "cluster": self._cluster},
            )  # fmt: skip
        return True

    async def _reconcile(self, service: Service, live: Manifest | None) -> float | None:
        found = self._records.set_of(service)
        if found is None:
            await self._withdraw(service, live)
        elif await self._is_behind(found, live):
            return _AGAIN
        elif found.spec.clusters:
            return await self._import(found, live)
        return None

    async def _is_behind(self, found: ServiceSet, live: Manifest | None) -> bool:
        """Whether the mirror has an older ServiceSet than the one that the member was last brought to (I22).

        A host that was restored has an older one for good, which the host itself then says: it counts.
        """
        uid, _, revision = _annotation(live, SET_REVISION).rpartition("/")
        here = found.metadata.uid, found.spec.revision
        if uid != here[0] or not revision.isdecimal() or int(revision) <= here[1]:
            return False
        try:
            name, namespace = found.metadata.name, found.metadata.namespace
            said = ServiceSet.model_validate(await self._records.api.get(SERVICE_SETS, name, namespace))
        except NotFound:
            return True
        return (said.metadata.uid, said.spec.revision) != here

    # While the host is away

    async def _track(self, service: Service, live: Manifest | None) -> None:
        """M7: import the member's own endpoints on, as the ServiceImport says; nothing else is touched."""
        found = last_known(self._cluster, live, self._locals.services.get(service)) if live else None
        if live is None or found is None:
            return
        plan = imported(
            self._cluster, found, tuple(found.service.ip_families), {}, self._locals.endpoints(service)
        )
        await self._write_slices(service, plan.slices, _owner(live))
        here = self._locals.imported(service).items()
        own = {name: piece for name, piece in here if piece.source == self._cluster}
        present = {self._cluster: self._own(service)}
        for name in leftovers(self._cluster, found, own, plan.slices, present, ()):
            await self._delete(ENDPOINT_SLICES, service[0], {"name": name, "uid": own[name].uid})

    # A Service that is exported

    async def _import(self, found: ServiceSet, live: Manifest | None) -> float | None:
        """M3: the derived Service needs the ServiceImport's UID, and the ServiceImport its IPs."""
        spec, service = found.spec, key_of(found.spec)
        missing = self._missing(service, found, live)
        plan = self._plan(found, await self._families(), missing)
        sought = _of_set(plan.service_import, found)
        if live is None:
            live = await self._writer.put(IMPORT, sought, None)
        owner = _owner(live)
        derived, readiness, failure = await self._derived(found, plan, owner)
        live = await self._writer.put(IMPORT, _with_ips(sought, derived), live)
        slices = plan.slices if derived is not None or spec.service.type == "Headless" else {}
        await self._write_slices(service, slices, owner)
        await self._prune(found, slices, missing)
        status = status_of(spec, live, readiness, missing, utc_now())
        await self._writer.put(STATUS, status, live)
        for news in transitions(live, [Condition.model_validate(c) for c in status["status"]["conditions"]]):
            await self._events.tell(live, *news)
        if failure is not None:
            raise failure
        return _UNPROVEN if any(self._state(each) is State.NEW for each in missing) else None

    def _missing(self, service: Service, found: ServiceSet, live: Manifest | None) -> frozenset[str]:
        """Name the clusters to do without."""
        here = {piece.source for piece in self._locals.imported(service).values()}
        sources = here | {each.name for each in found.spec.clusters}
        stale = {source for source in sources if self._state(source) is State.STALE}
        unproven = {source for source in sources - here if self._state(source) is State.NEW}
        return left_out(self._cluster, sources, stale, unproven, lacking=lacks_sources(live))

    def _state(self, source: str) -> State | None:
        return self._records.leases.state(source)

    def _plan(self, found: ServiceSet, families: tuple[str, ...], missing: frozenset[str]) -> Import:
        """Decide; the first family of the derived Service stays the first, for it can't be changed."""
        service = key_of(found.spec)
        derived = self._locals.derived(service)
        before = derived["spec"].get("ipFamilies", []) if derived else []
        ordered = sorted(families, key=lambda each: before.index(each) if each in before else 2)
        own = self._locals.endpoints(service)
        remote = {name: held for name, held in self._remote(found).items() if name not in missing}
        return imported(self._cluster, found.spec, tuple(ordered), remote, own)

    def _remote(self, found: ServiceSet) -> dict[str, Mapping[str, Slice]]:
        service = key_of(found.spec)
        return {each.name: self._records.slices_of(each.name, service) for each in found.spec.clusters}

    def _own(self, service: Service) -> set[str]:
        """Name the slices that the member's own endpoints are imported by."""
        return {slice_name(self._cluster, service, name) for name in self._locals.endpoints(service)}

    async def _derived(
        self, found: ServiceSet, plan: Import, owner: Manifest
    ) -> tuple[Manifest | None, Readiness, StatusError | None]:
        """Bring the derived Service to what it should be.

        Return it if callers can use it, what that means for the ServiceImport, and why it is not as it should
        be.
        """
        service, live = key_of(found.spec), self._locals.derived(key_of(found.spec))
        ours = live is not None and (_is_marked(live) or owner["uid"] in _owner_uids(live))
        sought = plan.derived
        if live is not None and ours and (sought is None or not _same_first_family(live, sought)):
            await self._delete(SERVICES, service[0], live["metadata"])
            live = None
        if not plan.families:
            return None, no_common_family(found.spec, await self._families()), None
        if sought is None:
            return None, IMPORTED, None
        if live is not None and not ours:
            return None, name_taken(found.spec), None
        try:
            return await self._writer.put(SERVICE, _owned(sought, owner), live), IMPORTED, None
        except (Forbidden, Invalid) as error:
            if error.cause == "NamespaceTerminating":
                raise
            return live, refused(found.spec, error.message), error

    async def _write_slices(self, service: Service, slices: Mapping[str, Manifest], owner: Manifest) -> None:
        for name in in_order(slices, self._locals.imported(service)):
            sought = _owned(slices[name], owner)
            live = self._locals.slices.get((service[0], name))
            if live is not None and not live.ours and live.owner != owner["uid"]:
                where = {"key": f"{service[0]}/{name}", "cluster": self._cluster}
                log.warning("endpointslices %s/%s: not ours, left alone", service[0], name, extra=where)
                continue
            if live is not None and live.content["addressType"] != sought["addressType"]:
                await self._delete(ENDPOINT_SLICES, service[0], {"name": name, "uid": live.uid})
                live = None
            await self._writer.put_slice(sought, live)

    async def _prune(
        self, found: ServiceSet, wanted: Mapping[str, Manifest], missing: frozenset[str]
    ) -> None:
        service = key_of(found.spec)
        here = self._locals.imported(service)
        present = {**self._remote(found), self._cluster: self._own(service)}
        certain = certain_of(state.spec for _, state in self._records.sources.items()) | missing
        for name in leftovers(self._cluster, found.spec, here, wanted, present, certain):
            await self._delete(ENDPOINT_SLICES, service[0], {"name": name, "uid": here[name].uid})

    # A Service that is not exported, as far as the host knows

    async def _withdraw(self, service: Service, live: Manifest | None) -> None:
        """Delete all of it, the ServiceImport last: while it is there, the rest is found again after a crash.

        Its owner references would do the same, but a garbage collector may take its time.
        """
        slices, derived = self._locals.imported(service), self._locals.derived(service)
        exporters = {each["cluster"] for each in _clusters(live)} | {
            piece.source for piece in slices.values()
        }
        sources = {state.spec.cluster: state.spec for _, state in self._records.sources.items()}
        if self._records.exports_of(service) or not is_withdrawn(exporters, sources):
            return
        for name, piece in slices.items():
            await self._delete(ENDPOINT_SLICES, service[0], {"name": name, "uid": piece.uid})
        if derived is not None and _is_marked(derived):
            await self._delete(SERVICES, service[0], derived["metadata"])
        if live is not None:
            await self._delete(SERVICE_IMPORTS, service[0], live["metadata"])

    async def _delete(self, resource: Resource, namespace: str, metadata: Mapping[str, Any]) -> None:
        with suppress(NotFound):
            await self._locals.api.delete(resource, metadata["name"], namespace, uid=metadata["uid"])


def _is_marked(manifest: Manifest) -> bool:
    return (manifest["metadata"].get("labels") or {}).get(IMPORTED_BY) == CONTROLLER


def _annotation(manifest: Manifest | None, name: str) -> str:
    annotations = manifest["metadata"].get("annotations") if manifest else None
    return str((annotations or {}).get(name, ""))


def _clusters(live: Manifest | None) -> list[dict[str, str]]:
    return ((live or {}).get("status") or {}).get("clusters") or []


def _owner_uids(manifest: Manifest) -> set[str]:
    return {owner["uid"] for owner in manifest["metadata"].get("ownerReferences") or ()}


def _owner(service_import: Manifest) -> Manifest:
    return {
        "apiVersion": SERVICE_IMPORTS.api_version,
        "kind": SERVICE_IMPORTS.kind,
        "name": service_import["metadata"]["name"],
        "uid": service_import["metadata"]["uid"],
        "controller": False,
        "blockOwnerDeletion": False,
    }


def _owned(manifest: Manifest, owner: Manifest) -> Manifest:
    return manifest | {"metadata": manifest["metadata"] | {"ownerReferences": [owner]}}


def _of_set(service_import: Manifest, found: ServiceSet) -> Manifest:
    """Say which ServiceSet a ServiceImport is made of."""
    metadata = service_import["metadata"]
    revision = {SET_REVISION: f"{found.metadata.uid}/{found.spec.revision}"}
    annotations = metadata["annotations"] | revision
    return service_import | {"metadata": metadata | {"annotations": annotations}}


def _with_ips(service_import: Manifest, derived: Manifest | None) -> Manifest:
    if derived is None:
        return service_import
    spec = derived["spec"]
    addresses = {"ips": spec["clusterIPs"], "ipFamilies": spec["ipFamilies"]}
    return service_import | {"spec": service_import["spec"] | addresses}


def _same_first_family(live: Manifest, sought: Manifest) -> bool:
    """Whether a Service can be changed into another without giving up its IP."""
    return bool(live["spec"].get("ipFamilies", [])[:1] == sought["spec"]["ipFamilies"][:1])
