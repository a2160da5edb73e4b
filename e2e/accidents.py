"""Accidents of Services across clusters: what breaks, and what meddlers do.

None of it changes what users left.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from e2e.estate import Estate
from e2e.fleet import Fleet, names
from e2e.imports import Imports
from e2e.network import Network
from federation.kube.errors import NotFound
from federation.kube.resources import Manifest, Resource
from federation.sandbox.sandbox import HOST
from federation.settings import NAMESPACE
from mcs.names import MANAGED_BY, MCS_SERVICE, SOURCE_CLUSTER, derived_service, host_namespace, set_name
from mcs.resources import (
    CLUSTER_EXPORTS,
    ENDPOINT_SLICES,
    SERVICE_IMPORTS,
    SERVICE_SETS,
    SERVICES,
    SOURCE_STATES,
)


class Accidents:
    """What befalls the Services of an estate, by chance. `network` is there where a menu has its faults.

    An accident may write `details` of what happened.
    """

    def __init__(
        self, estate: Estate, imports: Imports, chance: random.Random, network: Network | None
    ) -> None:
        self.estate, self.imports, self.chance, self._network = estate, imports, chance, network
        self.details = ""

    @property
    def fleet(self) -> Fleet:
        return self.estate.fleet

    @property
    def network(self) -> Network:
        assert self._network is not None, "there are no ways on which something may go wrong"
        return self._network

    async def strike(self, menu: Menu) -> str:
        """Have one of a menu happen; return it in words."""
        cluster = self.chance.choice(sorted(self.fleet.members))
        service = self.chance.choice(self.estate.services)
        happen = self.chance.choices(list(menu), list(menu.values()))[0]
        self.details = ""
        await happen(self, cluster, service)
        return f"{happen.__name__.strip('_').replace('_', ' ')} ({cluster}, {service}) {self.details}".strip()

    def exempt_all(self) -> None:
        """What becomes of any Service in any cluster meanwhile is no flap."""
        self.imports.exempt |= {(each, of) for each in self.fleet.members for of in self.estate.services}

    # Processes

    async def _controller_dies(self, cluster: str, service: str) -> None:
        await self.fleet.crash_controller()

    async def _member_is_away(self, cluster: str, service: str) -> None:
        async with self.fleet.outage(cluster):
            await asyncio.sleep(self.chance.uniform(0, 2))  # the length of the outage

    async def _host_is_away(self, cluster: str, service: str) -> None:
        async with self.fleet.outage(HOST):
            await asyncio.sleep(self.chance.uniform(0, 2))  # the length of the outage

    # Meddlers in a member: it is all put back

    async def _import_is_deleted(self, cluster: str, service: str) -> None:
        await self._delete(cluster, SERVICE_IMPORTS, service, service)

    async def _derived_service_is_deleted(self, cluster: str, service: str) -> None:
        derived = derived_service((self.estate.namespace, service))
        await self._delete(cluster, SERVICES, derived, service)

    async def _slice_is_deleted(self, cluster: str, service: str) -> None:
        if (name := await self._some_slice(cluster, service)) is not None:
            await self._delete(cluster, ENDPOINT_SLICES, name, service)

    async def _slice_is_edited(self, cluster: str, service: str) -> None:
        if (name := await self._some_slice(cluster, service)) is None:
            return
        self.imports.exempt.add((cluster, service))
        api, edit = self.fleet.members[cluster].api, {"endpoints": list[Manifest]()}
        with suppress(NotFound):  # it went just now
            await api.patch(ENDPOINT_SLICES, name, self.estate.namespace, edit, manager="meddler")

    async def _some_slice(self, cluster: str, service: str) -> str | None:
        selector = f"{MANAGED_BY},{MCS_SERVICE}={service}"
        member = self.fleet.members[cluster]
        found = await names(member, ENDPOINT_SLICES, self.estate.namespace, selector)
        return self.chance.choice(sorted(found)) if found else None

    async def _delete(self, cluster: str, resource: Resource, name: str, service: str) -> None:
        self.imports.exempt.add((cluster, service))
        await self.fleet.members[cluster].delete(resource, name, self.estate.namespace)

    # What the host knows is lost: it is all put back, and nothing may go because something is missing

    async def _set_is_lost(self, cluster: str, service: str) -> None:
        await self.fleet.host.delete(SERVICE_SETS, set_name((self.estate.namespace, service)), NAMESPACE)

    async def _source_state_is_lost(self, cluster: str, service: str) -> None:
        await self.fleet.host.delete(SOURCE_STATES, cluster, NAMESPACE)

    async def _records_are_lost(self, cluster: str, service: str) -> None:
        """All of a cluster's. While it says that all is there, what is deleted there is withdrawn."""
        self.exempt_all()
        for resource in (CLUSTER_EXPORTS, ENDPOINT_SLICES):
            for name in await names(
                self.fleet.host, resource, host_namespace(cluster), f"{SOURCE_CLUSTER}={cluster}"
            ):
                await self.fleet.host.delete(resource, name, host_namespace(cluster))


Menu = dict[Callable[[Accidents, str, str], Awaitable[None]], int]
"""Accidents, and how often each happens beside the others. They are told a cluster and a Service."""
MENU: Menu = {
    Accidents._controller_dies: 3,
    Accidents._member_is_away: 1,
    Accidents._host_is_away: 1,
    Accidents._import_is_deleted: 1,
    Accidents._derived_service_is_deleted: 1,
    Accidents._slice_is_deleted: 2,
    Accidents._slice_is_edited: 2,
    Accidents._set_is_lost: 2,
    Accidents._source_state_is_lost: 2,
    Accidents._records_are_lost: 1,
}
STILL: Menu = {
    Accidents._controller_dies: 2,
    Accidents._member_is_away: 1,
    Accidents._host_is_away: 1,
    Accidents._source_state_is_lost: 1,
}
"""Those after which there is nothing to write in members."""
