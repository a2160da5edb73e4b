"""Braking: asks the brake before one member removes all endpoints of a Service that a cluster still exports.

What is held too long for coincidence is read from the host itself, in one list, before it is believed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from federation.kube.events import Events
from federation.kube.resources import Manifest
from federation.settings import Losses
from mcs.api import ServiceSet
from mcs.brake import Brake, lost_by
from mcs.importing import key_of
from mcs.locals import Locals
from mcs.names import CONTROLLER, MANAGED_BY, SOURCE_CLUSTER, Service, host_namespace
from mcs.records import Records
from mcs.resources import ENDPOINT_SLICES
from mcs.slices import projected, service_on_host

log = logging.getLogger(__name__)
_COUNTED = 1.0
"""For so many seconds a total is good enough."""


class Held(NamedTuple):
    """What stays of a Service for now."""

    slices: frozenset[str]
    """Their names in the member."""
    pause: float | None
    """Seconds until the next look; None if nothing is held."""


class Braking:
    """Says what may not be removed yet, of one Service at a time."""

    def __init__(
        self, cluster: str, records: Records, locals_: Locals, events: Events, limits: Losses
    ) -> None:
        self._cluster, self._records, self._locals = cluster, records, locals_
        self._events, self._limits = events, limits
        self._brake = Brake(limits)
        self._asking = asyncio.Lock()
        self._totals: dict[str, tuple[float, int]] = {}

    @property
    def holds(self) -> dict[str, int]:
        """How often removals of each cluster's endpoints were held."""
        return self._brake.holds

    async def held(
        self, found: ServiceSet, live: Manifest | None, missing: frozenset[str], certain: frozenset[str]
    ) -> Held:
        """Say what stays though it is lost.

        :param live: the ServiceImport, if there is one
        :param missing: the clusters that give no sign of life: theirs go at once
        :param certain: the clusters whose slices go if the host does not have them: of others nothing goes
        """
        service = key_of(found.spec)
        here = self._locals.imported(service)
        remote = {each.name: self._records.slices_of(each.name, service) for each in found.spec.clusters}
        sources = [state.spec for _, state in self._records.sources.items()]
        lost = lost_by(self._cluster, found.spec, here, remote, sources, missing) & certain
        self._brake.settle(service, {name for name, slices in remote.items() if slices}, lost)
        pauses = {source: await self._pause(source, service, live) for source in sorted(lost)}
        waiting = {source: seconds for source, seconds in pauses.items() if seconds is not None}
        return Held(
            frozenset(name for name, piece in here.items() if piece.source in waiting),
            min(waiting.values(), default=None),
        )

    def forget(self, service: Service) -> None:
        """Note that a Service is not imported, so that nothing of it is held."""
        self._brake.settle(service, (), ())

    async def _pause(self, source: str, service: Service, live: Manifest | None) -> float | None:
        holds = self._brake.holds[source]
        pause = self._brake.lost(source, service, self._total(source), _now())
        if self._brake.holds[source] > holds:
            await self._tell(source, live)
        if pause is not None and pause.held and pause.seconds <= 0:
            await self._ask(source)
            pause = self._brake.lost(source, service, self._total(source), _now())
        return pause.seconds if pause else None

    async def _ask(self, source: str) -> None:
        """Read from the host what there is of a cluster, once for all that is held of it."""
        async with self._asking:
            if not self._brake.is_due(source, _now()):
                return
            pages = self._records.api.list(
                ENDPOINT_SLICES,
                namespace=host_namespace(source),
                selector={"labelSelector": f"{MANAGED_BY}={CONTROLLER},{SOURCE_CLUSTER}={source}"},
            )
            present = {service_on_host(projected(each)) async for page in pages for each in page.items}
            self._brake.asked(source, present, _now())
            log.warning(
                "cluster %s: the host was asked again for endpoints of %s; those that it lacks are removed",
                self._cluster, source, extra={"cluster": self._cluster},
            )  # fmt: skip

    async def _tell(self, source: str, live: Manifest | None) -> None:
        message = (
            f"the endpoints of more than half of the Services that {source} exports are gone from the host: "
            f"those that are here stay for {self._limits.hold:g} s, then the host is asked again; see the "
            f"EndpointSlices in {host_namespace(source)} there"
        )
        log.warning("cluster %s: %s", self._cluster, message, extra={"cluster": self._cluster})
        if live is not None:
            await self._events.tell(live, "Warning", "EndpointsHeld", message)

    def _total(self, source: str) -> int:
        """Return of how many Services there are endpoints of a cluster here, as of a moment ago."""
        counted, total = self._totals.get(source, (-_COUNTED, 0))
        if _now() - counted >= _COUNTED:  # it looks at all there is
            services = self._locals.imported_services()
            total = sum(
                any(piece.source == source for piece in self._locals.imported(service).values())
                for service in services
            )
            self._totals[source] = _now(), total
        return total


def _now() -> float:
    return asyncio.get_running_loop().time()
