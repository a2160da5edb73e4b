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
from e2e.kills import LEASES
from federation.kube.errors import NotFound
from federation.kube.resources import Manifest, Resource
from federation.process import LEASE
from federation.sandbox.sandbox import CONTROLLER, HOST
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
    """What befalls the Services of an estate, by chance."""

    def __init__(self, estate: Estate, imports: Imports, chance: random.Random) -> None:
        self._estate, self._imports, self._chance = estate, imports, chance

    @property
    def _fleet(self) -> Fleet:
        return self._estate.fleet

    async def strike(self) -> str:
        """Have one happen; return it in words."""
        cluster = self._chance.choice(sorted(self._fleet.members))
        service = self._chance.choice(self._estate.services)
        happen = self._chance.choices(_ACCIDENTS, _WEIGHTS)[0]
        await happen(self, cluster, service)
        return f"{happen.__name__.strip('_').replace('_', ' ')} ({cluster}, {service})"

    # Processes

    async def _controller_dies(self, cluster: str, service: str) -> None:
        """Its lease goes with it, else nobody leads for most of the time."""
        self._fleet.kill_controller()
        await self._fleet.host.delete(LEASES, LEASE, NAMESPACE)
        await self._fleet.start(CONTROLLER)

    async def _member_is_away(self, cluster: str, service: str) -> None:
        async with self._fleet.outage(cluster):
            await asyncio.sleep(self._chance.uniform(0, 2))  # the length of the outage

    async def _host_is_away(self, cluster: str, service: str) -> None:
        async with self._fleet.outage(HOST):
            await asyncio.sleep(self._chance.uniform(0, 2))  # the length of the outage

    # Meddlers in a member: it is all put back

    async def _import_is_deleted(self, cluster: str, service: str) -> None:
        await self._delete(cluster, SERVICE_IMPORTS, service, service)

    async def _derived_service_is_deleted(self, cluster: str, service: str) -> None:
        derived = derived_service((self._estate.namespace, service))
        await self._delete(cluster, SERVICES, derived, service)

    async def _slice_is_deleted(self, cluster: str, service: str) -> None:
        if (name := await self._some_slice(cluster, service)) is not None:
            await self._delete(cluster, ENDPOINT_SLICES, name, service)

    async def _slice_is_edited(self, cluster: str, service: str) -> None:
        if (name := await self._some_slice(cluster, service)) is None:
            return
        self._imports.exempt.add((cluster, service))
        api, edit = self._fleet.members[cluster].api, {"endpoints": list[Manifest]()}
        with suppress(NotFound):  # it went just now
            await api.patch(ENDPOINT_SLICES, name, self._estate.namespace, edit, manager="meddler")

    async def _some_slice(self, cluster: str, service: str) -> str | None:
        selector = f"{MANAGED_BY},{MCS_SERVICE}={service}"
        member = self._fleet.members[cluster]
        found = await names(member, ENDPOINT_SLICES, self._estate.namespace, selector)
        return self._chance.choice(sorted(found)) if found else None

    async def _delete(self, cluster: str, resource: Resource, name: str, service: str) -> None:
        self._imports.exempt.add((cluster, service))
        await self._fleet.members[cluster].delete(resource, name, self._estate.namespace)

    # What the host knows is lost: it is all put back, and nothing may go because something is missing

    async def _set_is_lost(self, cluster: str, service: str) -> None:
        await self._fleet.host.delete(SERVICE_SETS, set_name((self._estate.namespace, service)), NAMESPACE)

    async def _source_state_is_lost(self, cluster: str, service: str) -> None:
        await self._fleet.host.delete(SOURCE_STATES, cluster, NAMESPACE)

    async def _records_are_lost(self, cluster: str, service: str) -> None:
        """All of a cluster's. While it says that all is there, what is deleted there is withdrawn."""
        self._imports.exempt |= {(each, of) for each in self._fleet.members for of in self._estate.services}
        for resource in (CLUSTER_EXPORTS, ENDPOINT_SLICES):
            for name in await names(
                self._fleet.host, resource, host_namespace(cluster), f"{SOURCE_CLUSTER}={cluster}"
            ):
                await self._fleet.host.delete(resource, name, host_namespace(cluster))


_Accident = Callable[[Accidents, str, str], Awaitable[None]]
_CHOICES: dict[_Accident, int] = {
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
_ACCIDENTS, _WEIGHTS = list(_CHOICES), list(_CHOICES.values())
