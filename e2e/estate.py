"""An estate: Services in several clusters as their users left them, and what that comes to in each cluster.

Addresses tell whose they are: those of m1 begin with 10.1, those of m2 with 10.2.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from e2e.fleet import Fleet
from federation.kube.errors import ApiError
from federation.kube.resources import Manifest, Resource
from mcs.names import MANAGED_BY, SERVICE_NAME
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICES

MANY = 150
"""Endpoints of a Service that grew: more than a slice has by default."""

Endpoints = dict[str, bool]
"""By address, whether it is ready."""


@dataclass
class Site:
    """A Service in one cluster."""

    there: bool = True
    exported: bool = False
    slices: dict[str, Endpoints] = field(default_factory=dict)

    @property
    def endpoints(self) -> Endpoints:
        return {address: ready for piece in self.slices.values() for address, ready in piece.items()}


class Estate:
    """The Services of one namespace. Each thing that a user does is noted in `touched` before it is done."""

    def __init__(self, fleet: Fleet, namespace: str, services: Iterable[str], chance: random.Random) -> None:
        self.fleet, self.namespace, self._chance = fleet, namespace, chance
        self.sites = {(service, cluster): Site() for service in services for cluster in fleet.members}
        self.touched: set[tuple[str, str]] = set()
        """(service, address) of what may come and go, since the last `settled`."""
        self.remade: set[tuple[str, str]] = set()
        """(service, cluster) of which ServiceExport or Service came or went, since the last `settled`."""
        self._moving: set[tuple[str, str]] = set()
        self._ground = {cluster: asyncio.Lock() for cluster in fleet.members}

    @property
    def services(self) -> list[str]:
        return sorted({service for service, _ in self.sites})

    def wanted(self, service: str) -> dict[str, Endpoints]:
        """What every cluster is to have of a Service, by the cluster that it is from."""
        return {
            cluster: site.endpoints
            for (name, cluster), site in self.sites.items()
            if name == service and site.there and site.exported
        }

    async def begin(self) -> None:
        """Have all Services in all clusters, and each exported by some of them."""
        for (service, cluster), site in self.sites.items():
            await self._make_service(service, cluster)
            for number in (1, 2):
                name, first = f"{service}-{number}", number * 10
                addresses = [self._address(service, cluster, first + n) for n in range(3)]
                site.slices[name] = dict.fromkeys(addresses, True)
                await self._write_slice(service, cluster, name)
            if self._chance.random() < 0.7:
                await self._begin_export(service, cluster)

    async def act(self) -> str:
        """Do what some user might do; return it in words."""
        service, cluster = self._chance.choice(sorted(self.sites))
        act = self._chance.choices(_ACTS, _WEIGHTS)[0]
        async with self._ground[cluster]:
            await act(self, service, cluster)
        return f"{cluster}: {act.__name__.strip('_').replace('_', ' ')} {service}"

    async def flip_everywhere(self) -> set[tuple[str, str]]:
        """Have an endpoint of each cluster that exports one change; return Services and clusters."""
        flipped: set[tuple[str, str]] = set()
        for (service, cluster), site in self.sites.items():
            if site.there and site.exported and site.endpoints and cluster not in [c for _, c in flipped]:
                while not await self._flip(service, cluster):
                    pass
                flipped.add((service, cluster))
        return flipped

    def settled(self) -> None:
        """All is as it should be: what comes and goes now is news."""
        self.touched.clear()
        self.remade.clear()
        self._moving.clear()

    @asynccontextmanager
    async def razed(self, cluster: str) -> AsyncIterator[None]:
        """What users have in a cluster may be lost in the block; after it they bring all of it back."""
        async with self._ground[cluster]:
            for service in self.services:
                self._touch_all(service, cluster)
            yield
            for service in self.services:
                await self._rebuild(service, cluster)

    async def _rebuild(self, service: str, cluster: str) -> None:
        site = self.sites[service, cluster]
        if site.there:
            await self._make_service(service, cluster)
        for name in site.slices:
            await self._write_slice(service, cluster, name)
        if site.exported:
            await self._begin_export(service, cluster)

    # What users do

    async def _flip(self, service: str, cluster: str) -> bool:
        """An endpoint becomes ready, or unready; return whether there was one."""
        name, piece = self._some_slice(service, cluster)
        if piece:
            address = self._chance.choice(sorted(piece))
            self.touched.add((service, address))
            piece[address] = not piece[address]
            await self._write_slice(service, cluster, name)
        return bool(piece)

    async def _move(self, service: str, cluster: str) -> None:
        """An endpoint changes its slice: it is in both for a moment, as Kubernetes' own controller does it.

        Where endpoints change places, none of both slices can be written first: one moves at a time.
        """
        slices = self.sites[service, cluster].slices
        if len(slices) < 2 or (service, cluster) in self._moving:
            return
        self._moving.add((service, cluster))
        here, there = self._chance.sample(sorted(slices), 2)
        if slices[here]:
            address = self._chance.choice(sorted(slices[here]))
            slices[there][address] = slices[here].pop(address)
            await self._write_slice(service, cluster, there)
            await self._write_slice(service, cluster, here)

    async def _grow(self, service: str, cluster: str) -> None:
        name, piece = self._some_slice(service, cluster)
        if name:
            new = [self._address(service, cluster, n) for n in range(50, 50 + MANY)]
            self.touched |= {(service, address) for address in new}
            taken = self.sites[service, cluster].endpoints
            piece |= {address: True for address in new if address not in taken}
            await self._write_slice(service, cluster, name)

    async def _shrink(self, service: str, cluster: str) -> None:
        """Nothing is left in a slice."""
        name, piece = self._some_slice(service, cluster)
        if name:
            self.touched |= {(service, address) for address in piece}
            piece.clear()
            await self._write_slice(service, cluster, name)

    async def _add_slice(self, service: str, cluster: str) -> None:
        slices = self.sites[service, cluster].slices
        number = self._chance.randrange(50 + MANY, 250)
        name, address = f"{service}-{number}", self._address(service, cluster, number)
        if name not in slices and address not in self.sites[service, cluster].endpoints:
            self.touched.add((service, address))
            slices[name] = {address: True}
            await self._write_slice(service, cluster, name)

    async def _drop_slice(self, service: str, cluster: str) -> None:
        name, piece = self._some_slice(service, cluster)
        if name:
            self.touched |= {(service, address) for address in piece}
            del self.sites[service, cluster].slices[name]
            await self._delete(cluster, ENDPOINT_SLICES, name)

    async def _begin_export(self, service: str, cluster: str) -> None:
        self._touch_all(service, cluster)
        self.sites[service, cluster].exported = True
        await self._apply(
            cluster, SERVICE_EXPORTS, self._manifest(SERVICE_EXPORTS.api_version, "ServiceExport", service)
        )

    async def _end_export(self, service: str, cluster: str) -> None:
        self._touch_all(service, cluster)
        self.sites[service, cluster].exported = False
        await self._delete(cluster, SERVICE_EXPORTS, service)

    async def _lose_service(self, service: str, cluster: str) -> None:
        """The Service goes, or comes again; its slices stay."""
        self._touch_all(service, cluster)
        site = self.sites[service, cluster]
        site.there = not site.there
        if site.there:
            await self._make_service(service, cluster)
        else:
            await self._delete(cluster, SERVICES, service)

    # How

    async def _apply(self, cluster: str, resource: Resource, manifest: Manifest) -> None:
        member = self.fleet.members[cluster]
        await _insist(lambda: member.apply(resource, manifest))

    async def _delete(self, cluster: str, resource: Resource, name: str) -> None:
        member = self.fleet.members[cluster]
        await _insist(lambda: member.delete(resource, name, self.namespace))

    def _touch_all(self, service: str, cluster: str) -> None:
        self.remade.add((service, cluster))
        self.touched |= {(service, address) for address in self.sites[service, cluster].endpoints}

    def _some_slice(self, service: str, cluster: str) -> tuple[str, Endpoints]:
        slices = self.sites[service, cluster].slices
        name = self._chance.choice(sorted(slices)) if slices else ""
        return name, slices.get(name, {})

    def _address(self, service: str, cluster: str, number: int) -> str:
        return f"10.{cluster.removeprefix('m')}.{self.services.index(service)}.{number}"

    async def _make_service(self, service: str, cluster: str) -> None:
        """One without a selector: its slices are its users' own."""
        spec: Manifest = {"ports": [{"name": "http", "port": 80}]}
        if service.startswith("headless"):
            spec["clusterIP"] = "None"
        manifest = self._manifest("v1", "Service", service) | {"spec": spec}
        await self._apply(cluster, SERVICES, manifest)

    async def _write_slice(self, service: str, cluster: str, name: str) -> None:
        manifest = self._manifest(ENDPOINT_SLICES.api_version, "EndpointSlice", name)
        manifest["metadata"]["labels"] = {SERVICE_NAME: service, MANAGED_BY: "estate"}
        endpoints = self.sites[service, cluster].slices[name]
        manifest |= {
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": [a], "conditions": {"ready": r}} for a, r in endpoints.items()],
        }
        await self._apply(cluster, ENDPOINT_SLICES, manifest)

    def _manifest(self, api_version: str, kind: str, name: str) -> Manifest:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


async def _insist(write: Callable[[], Awaitable[object]]) -> None:
    """Write, as soon as the server is there."""
    while True:
        try:
            await write()
        except ApiError as error:
            if not error.transient:
                raise
            await asyncio.sleep(0.1)
        else:
            return


_Act = Callable[[Estate, str, str], Awaitable[object]]
_CHOICES: dict[_Act, int] = {
    Estate._flip: 8,
    Estate._move: 4,
    Estate._grow: 1,
    Estate._shrink: 1,
    Estate._add_slice: 2,
    Estate._drop_slice: 2,
    Estate._begin_export: 3,
    Estate._end_export: 2,
    Estate._lose_service: 1,
}
_ACTS, _WEIGHTS = list(_CHOICES), list(_CHOICES.values())
