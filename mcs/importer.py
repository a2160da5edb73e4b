"""The importer of one member: brings there what a ServiceSet says: ServiceImport, Service, EndpointSlices.

Nothing is written unless the mirrors of the host and of the member are both up to date (M1); only the
member's own endpoints need no host (M7). What the host does not have is gone only if those who exported it
say so: SourceStates decide, not what is absent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from federation.kube.errors import Forbidden, Invalid, NotFound, StatusError
from federation.kube.events import Events
from federation.kube.resources import Manifest
from federation.settings import LOSSES, Losses
from federation.timestamps import utc_now
from mcs.api import ServiceSet
from mcs.api.service_set import ServiceSetSpec
from mcs.attaching import Attaching
from mcs.belonging import annotation, clusters_of, is_marked, of_set, owned, owner_of, with_ips
from mcs.braking import Braking
from mcs.deriving import Deriving
from mcs.families import Families
from mcs.holding import held
from mcs.importing import Import, imported, key_of, left_out, leftovers
from mcs.keeping import last_kept
from mcs.liveness import State
from mcs.locals import Locals
from mcs.names import COMPONENT, SET_REVISION, Service
from mcs.native import Native, native, refused_shadow
from mcs.nearness import Nearness, soonest
from mcs.outage import last_known
from mcs.owned import IMPORT, SERVICE
from mcs.policy import imports
from mcs.preference import locality_of, preferred
from mcs.presence import Presence
from mcs.readiness import lacks_sources, status_of
from mcs.records import Records
from mcs.resources import ENDPOINT_SLICES, SERVICE_SETS
from mcs.shadowing import Shadowing
from mcs.slices import Slice
from mcs.transitions import transitions
from mcs.withdrawing import Withdrawing
from mcs.writing import Writer

log = logging.getLogger(__name__)

_AGAIN = 1.0
"""Seconds until the next look when a mirror is behind."""
_AFTER_OTHERS = 0.0
"""Seconds until the rest of what is new: of hundreds that begin, all endpoints come before any condition."""
_UNPROVEN = 5.0
"""Seconds until the next look when a cluster has to prove that it is there again."""


class Importer:
    """Reconciles what one member imports of one Service."""

    def __init__(self, cluster: str, records: Records, locals_: Locals, losses: Losses = LOSSES) -> None:
        self._cluster, self._records, self._locals = cluster, records, locals_
        self._events = Events(locals_.api, COMPONENT, cluster)
        self._writer, self._families = Writer(locals_), Families(locals_)
        self._deriving = Deriving(locals_, self._writer, self._families)
        self._shadowing = Shadowing(locals_, self._writer)
        self._withdrawing = Withdrawing(locals_, records, self._writer, self._shadowing)
        self.braking = Braking(cluster, records, locals_, self._events, losses)
        self._presence = Presence(self._writer)
        self._nearness = Nearness(cluster, locals_)
        self._attaching = Attaching(cluster, records, locals_, self._writer, self._nearness, self._shadowing)
        self._foreign: set[Service] = set()

    async def __call__(self, service: Service) -> float | None:
        if not self._locals.connected:
            return _AGAIN
        away = not self._records.connected
        pause = await self._look(service, away)
        return _AGAIN if away else pause

    async def _look(self, service: Service, away: bool) -> float | None:
        if not self._locals.namespaces.get(("", service[0])):
            self.braking.forget(service)
            self._nearness.forget(service)
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
        if is_marked(live):
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
        if found is not None and await self._is_behind(found, live):
            return _AGAIN
        if found is not None and imports(found.spec.policy, self._cluster):
            return await self._import(found, live) if found.spec.clusters else None
        self.braking.forget(service)
        if found is not None or self._withdrawing.is_over(service, live):
            if found is None and not await self._withdrawing.is_confirmed(service, live):
                return _AGAIN
            await self._withdrawing.remove(service, live)
            self._nearness.forget(service)
        return None

    async def _is_behind(self, found: ServiceSet, live: Manifest | None) -> bool:
        """Whether the mirror has an older ServiceSet than the one that the member was last brought to (I22).

        A host that was restored has an older one for good, which the host itself then says: it counts, once
        those who exported were heard.
        """
        uid, _, revision = annotation(live, SET_REVISION).rpartition("/")
        here = found.metadata.uid, found.spec.revision
        if not revision.isdecimal() or (uid == here[0] and int(revision) <= here[1]):
            return False
        if self._is_unheard(live):
            return True
        if uid != here[0]:
            return False
        try:
            name, namespace = found.metadata.name, found.metadata.namespace
            said = ServiceSet.model_validate(await self._records.api.get(SERVICE_SETS, name, namespace))
        except NotFound:
            return True
        return (said.metadata.uid, said.spec.revision) != here

    def _is_unheard(self, live: Manifest | None) -> bool:
        """Whether some cluster that exported is about to say if what the host has is all there is."""
        sources = {each["cluster"] for each in clusters_of(live)}
        return any(
            source not in self._records.words and self._state(source) in (State.NEW, State.LIVE)
            for source in sources
        )

    # While the host is away

    async def _track(self, service: Service, live: Manifest | None) -> None:
        """M7: import the member's own endpoints on, as the ServiceImport says. Of the others, only whether
        they are called changes."""
        if live is None:
            return
        locality = locality_of(live["metadata"].get("annotations") or {})
        if not self._nearness.knows_enough(service, locality):
            return
        found = last_known(self._cluster, live, self._locals.services.get(service))
        if found is not None:
            await self._track_own(service, live, found)
        await self._attaching.tend(service, locality, ())

    async def _track_own(self, service: Service, live: Manifest, found: ServiceSetSpec) -> None:
        families = tuple(found.service.ip_families)
        plan = imported(self._cluster, found, families, {}, self._locals.endpoints(service))
        placed = self._nearness.behind_ip(service, found.service, plan.slices)
        await self._attaching.write(service, placed.slices, owner_of(live))
        here = self._locals.imported(service).items()
        own = {name: piece for name, piece in here if piece.source == self._cluster}
        present = {self._cluster: self._attaching.own(service)}
        for name in leftovers(self._cluster, found, own, plan.slices, present, ()):
            await self._writer.delete(ENDPOINT_SLICES, service[0], {"name": name, "uid": own[name].uid})

    # A Service that is exported

    async def _import(self, found: ServiceSet, live: Manifest | None) -> float | None:
        """M3: the derived Service is to have the ServiceImport's UID, and that its IPs."""
        spec, service = found.spec, key_of(found.spec)
        locality = preferred(spec.service)
        if not self._nearness.knows_enough(service, locality):
            return _AGAIN
        missing, stale = self._missing(service, found, live)
        said = self._attaching.said(found, missing)
        braked = await self.braking.held(found, live, missing, said.certain)
        plan = self._plan(found, await self._families(), missing)
        if live is None and await self._begins(found, plan):
            return _AFTER_OTHERS
        sought = of_set(plan.service_import, found)
        if live is None:
            live = await self._writer.put(IMPORT, sought, None)
        owner = owner_of(live)
        derived, readiness, failure = await self._deriving.bring(found, plan, owner)
        live = await self._writer.put(IMPORT, with_ips(sought, derived), live)
        usable = plan.slices if derived is not None or spec.service.type == "Headless" else {}
        behind_ip = self._nearness.behind_ip(service, spec.service, usable)
        await self._attaching.write(service, behind_ip.slices, owner)
        under_name, refusal = await self._under_name(found, plan, owner)
        attached = self._nearness.under_name(service, spec.service, under_name.slices)
        await self._attaching.write(service, attached.slices, owner)
        planned = {*usable, *under_name.slices}
        again = await self._attaching.end(found, planned | braked.slices, under_name, said)
        left = await self._attaching.tend(service, locality, planned)
        status = status_of(spec, live, readiness, missing, utc_now(), under_name.verdict, stale)
        await self._presence.put(status, live)
        for news in transitions(live, status):
            await self._events.tell(live, *news)
        if failure := failure or refusal:
            raise failure
        unproven = _UNPROVEN if any(self._state(each) is State.NEW for each in missing) else None
        return soonest(again, unproven, braked.pause, behind_ip.pause, attached.pause, left)

    async def _begins(self, found: ServiceSet, plan: Import) -> bool:
        """Bring what callers need where nothing is yet; say whether it could be done.

        The ServiceImport has its IPs from the first moment on, for a write less before the endpoints. So the
        derived Service has no owner until the next look; its labels say whose it is.
        """
        service, has_ip = key_of(found.spec), found.spec.service.type == "ClusterSetIP"
        if (has_ip and plan.derived is None) or self._locals.derived(service) is not None:
            return False
        try:
            derived = await self._writer.put(SERVICE, plan.derived, None) if plan.derived else None
        except (Forbidden, Invalid):
            return False  # the ServiceImport is to say why
        live = await self._writer.put(IMPORT, with_ips(of_set(plan.service_import, found), derived), None)
        placed = self._nearness.behind_ip(service, found.spec.service, plan.slices)
        await self._attaching.write(service, placed.slices, owner_of(live))
        return True

    def _missing(
        self, service: Service, found: ServiceSet, live: Manifest | None
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Name the clusters to do without, and those that stay though they give no sign of life."""
        here = {piece.source for piece in self._locals.imported(service).values()}
        sources = here | {each.name for each in found.spec.clusters}
        stale = {source for source in sources if self._state(source) is State.STALE}
        unproven = {source for source in sources - here if self._state(source) is State.NEW}
        missing = left_out(self._cluster, sources, stale, unproven, lacking=lacks_sources(live))
        last = last_kept(found.spec, here, missing)
        return missing - last, last

    def _state(self, source: str) -> State | None:
        return self._records.leases.state(source)

    def _plan(self, found: ServiceSet, families: tuple[str, ...], missing: frozenset[str]) -> Import:
        """Decide; the first family of the derived Service stays the first, for it can't be changed."""
        service = key_of(found.spec)
        derived = self._locals.derived(service)
        before = derived["spec"].get("ipFamilies", []) if derived else []
        ordered = sorted(families, key=lambda each: before.index(each) if each in before else 2)
        own = self._locals.endpoints(service)
        there = {name: each for name, each in self._attaching.remote(found).items() if name not in missing}
        remote = {name: self._held(service, name, slices) for name, slices in there.items()}
        return imported(self._cluster, found.spec, tuple(ordered), remote, own)

    def _held(self, service: Service, source: str, slices: Mapping[str, Slice]) -> Mapping[str, Slice]:
        """Keep the endpoints that a cluster's slices lost, as long as its word does not count."""
        if source in self._records.words:
            return slices
        found = held(slices, self._locals.imported(service))
        if found != slices:
            self._records.words.wait(service, [source])
        return found

    async def _under_name(
        self, found: ServiceSet, plan: Import, owner: Manifest
    ) -> tuple[Native, StatusError | None]:
        """Bring the Service under the plain name to what it should be, as far as it is ours.

        Return what is to be there, and why it is not.
        """
        service = key_of(found.spec)
        wanted = native(self._cluster, found.spec, plan, self._locals.services.get(service))
        if wanted.shadow is None:
            return wanted, None
        try:
            await self._shadowing.bring(service, owned(wanted.shadow, owner))
        except (Forbidden, Invalid) as error:
            if error.cause == "NamespaceTerminating":
                raise
            return wanted._replace(verdict=refused_shadow(found.spec, error.message)), error
        return wanted, None
