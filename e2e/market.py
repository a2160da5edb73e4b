"""The market: Services of each sort that the validator tells apart, exported and imported in a sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from e2e.attempts import named, service
from e2e.fleet import SETTLE, Fleet
from federation.kube.resources import Manifest
from mcs.names import MCS_SERVICE, SERVICE_NAME, SOURCE_CLUSTER
from mcs.resources import ENDPOINT_SLICES, MULTI_CLUSTER_SERVICES, SERVICE_EXPORTS, SERVICE_IMPORTS
from tests.federated import (
    CLUSTERS,
    NAMESPACES,
    POLICIES,
    SERVICES,
    USER,
    condition,
    eventually,
    policy,
    selects,
)

EXPORTING, CALLING = ("m1", "m2"), "m3"
LONGEST = "c" * 41
"""A cluster that never answers, by whose name some names of endpoints are too long for DNS."""
TEMPLATES = ("web", "db", "crowd")
"""Services that the host has with their exports, and m1 and m2 from there: one with an IP, a headless one,
one of very many endpoints."""
ALSO = ("early", "late")
"""Services that m3 exports by itself; the host has the Service of the first, of the other the export."""
CROWD = (6, 834)
"""(EndpointSlices, endpoints in each) of `crowd` in m1."""


class Market:
    """`TEMPLATES` and `ALSO`; and `solo`, which only m1 exports, and others have under its plain name."""

    def __init__(self, fleet: Fleet, namespace: str, distant: str) -> None:
        self.fleet, self.namespace, self.distant = fleet, namespace, distant

    async def open(self) -> None:
        for member in self.fleet.members.values():
            await member.apply(NAMESPACES, named(NAMESPACES, self.namespace))
        await self._far_away()
        await self._templates()
        await self._of_members()
        await self._imported("solo", bool)  # known as m1's export, it may be had under its plain name
        native = named(MULTI_CLUSTER_SERVICES, "solo", self.namespace, spec={"mode": "NativeName"})
        await self.fleet.host.apply(MULTI_CLUSTER_SERVICES, native)
        await asyncio.gather(
            *(self._imported(name, bool) for name in ("crowd", *ALSO)),
            *(self._imported(name, _is_of_both) for name in ("web", "db")),
            *(self._named_natively(cluster) for cluster in ("m2", CALLING)),
            self._imported_slices("db", set(EXPORTING), 2),
            self._imported_slices("crowd", {"m1"}, CROWD[0]),
        )

    async def close(self) -> None:
        """End all exports, without which no Service is to be deleted."""
        host, members = self.fleet.host, self.fleet.members
        await host.delete(CLUSTERS, LONGEST)
        await host.delete(MULTI_CLUSTER_SERVICES, "solo", self.namespace)
        for name in (*TEMPLATES, "late"):
            await host.delete(SERVICE_EXPORTS, name, self.namespace)
        await members["m1"].delete(SERVICE_EXPORTS, "solo", self.namespace)
        for name in ALSO:
            await members[CALLING].delete(SERVICE_EXPORTS, name, self.namespace)
        ended = (*TEMPLATES, *ALSO, "solo")
        await asyncio.gather(*(self._imported(name, lambda live: live is None) for name in ended))
        for name in (*TEMPLATES, "alias", "plain", "early"):
            await host.delete(SERVICES, name, self.namespace)

    async def by_age(self) -> list[str]:
        """The clusters that export `web`, that of the oldest ServiceExport first."""
        aged = []
        for name in EXPORTING:
            live = await self.fleet.members[name].get(SERVICE_EXPORTS, "web", self.namespace)
            assert live is not None
            aged.append((live["metadata"]["creationTimestamp"], name))
        return [name for _, name in sorted(aged)]

    async def _templates(self) -> None:
        """What the host has, which m1 and m2 are to have; `alias` and `plain` are not exported."""
        host, namespace = self.fleet.host, self.namespace
        names = (*TEMPLATES, "alias", "plain", *ALSO)
        placement = {"clusterAffinity": {"clusterNames": list(EXPORTING)}}
        await host.apply(POLICIES, policy("web", namespace, *_selected(names), placement=placement))
        for each in (
            service("web", namespace),
            service("db", namespace, clusterIP="None", selector=None),
            service("crowd", namespace, selector=None),
            service("plain", namespace),
            service("early", namespace, ports=[{"name": "http", "port": 8080}]),
            named(SERVICES, "alias", namespace, spec={"type": "ExternalName", "externalName": "a.example"}),
        ):
            await host.apply(SERVICES, each)
        for name in (*TEMPLATES, "late"):
            await host.apply(SERVICE_EXPORTS, named(SERVICE_EXPORTS, name, namespace))

    async def _of_members(self) -> None:
        """What members have by themselves: exports, and the endpoints of Services without selector."""
        members, namespace = self.fleet.members, self.namespace
        for cluster, name in (("m1", "solo"), *((CALLING, name) for name in ALSO)):
            await members[cluster].apply(SERVICES, service(name, namespace))
            await members[cluster].apply(SERVICE_EXPORTS, named(SERVICE_EXPORTS, name, namespace))
        for index, cluster in enumerate(EXPORTING):
            endpoint = {"addresses": [f"10.99.{index}.1"], "hostname": "db-0"}
            await members[cluster].apply(ENDPOINT_SLICES, self._slice("db", "db", [endpoint]))
        for index in range(CROWD[0]):
            addresses = [f"10.{100 + index}.{each // 250}.{each % 250 + 1}" for each in range(CROWD[1])]
            endpoints = [{"addresses": [address]} for address in addresses]
            await members["m1"].apply(ENDPOINT_SLICES, self._slice(f"crowd-{index}", "crowd", endpoints))

    async def _far_away(self) -> None:
        """Services whose exports go to a cluster with a long name."""
        host, namespace = self.fleet.host, self.distant
        await host.apply(CLUSTERS, named(CLUSTERS, LONGEST))
        kind = SERVICE_EXPORTS.kind
        apis = [{"groupVersion": SERVICE_EXPORTS.api_version, "kinds": [kind]}]
        await host.api.patch(
            CLUSTERS, LONGEST, None, {"status": {"apis": apis}}, subresource="status", manager=USER
        )
        names = [letter * length for letter, length in (("s", 63), ("t", 62))]
        selectors = [selects(SERVICE_EXPORTS.api_version, kind, name=name) for name in names]
        placement = {
            "clusterAffinity": {"clusterNames": [LONGEST]},
            "clusterTolerations": [{"operator": "Exists"}],
        }
        await host.apply(POLICIES, policy("far", namespace, *selectors, placement=placement))
        for name in names:
            await host.apply(SERVICES, service(name, namespace, clusterIP="None"))

    def _slice(self, name: str, of: str, endpoints: Sequence[Manifest]) -> Manifest:
        ports = [{"name": "http", "port": 8080}]
        manifest = named(ENDPOINT_SLICES, name, self.namespace, addressType="IPv4", ports=ports)
        manifest["metadata"]["labels"] = {SERVICE_NAME: of}
        return manifest | {"endpoints": endpoints}

    async def _imported(
        self, name: str, holds: Callable[[Manifest | None], Any], where: str = CALLING
    ) -> None:
        member = self.fleet.members[where]
        await member.until(SERVICE_IMPORTS, name, self.namespace, holds, seconds=SETTLE)

    async def _named_natively(self, cluster: str) -> None:
        """Wait until a cluster has `solo` under its plain name."""
        await self._imported(
            "solo", lambda live: live and condition(live, "NativeNameReady") == "True", where=cluster
        )

    async def _imported_slices(self, name: str, sources: set[str], count: int) -> None:
        selector = {"labelSelector": f"{MCS_SERVICE}={name}"}
        api, last = self.fleet.members[CALLING].api, list[str]()

        async def there() -> bool:
            pages = api.list(ENDPOINT_SLICES, namespace=self.namespace, selector=selector)
            items = [item async for page in pages for item in page.items]
            last[:] = [item["metadata"]["labels"][SOURCE_CLUSTER] for item in items if item["endpoints"]]
            return len(last) == count and set(last) == sources

        await eventually(there, lambda: f"{name} has slices of {last}", SETTLE)


def _selected(names: Sequence[str]) -> list[Manifest]:
    kinds = [(each.api_version, each.kind) for each in (SERVICES, SERVICE_EXPORTS)]
    return [selects(*kind, name=name) for kind in kinds for name in names]


def _is_of_both(live: Manifest | None) -> bool:
    found = ((live or {}).get("status") or {}).get("clusters") or ()
    return [each["cluster"] for each in found] == list(EXPORTING)
