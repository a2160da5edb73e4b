"""What members have of each other's Services, as watches of their own see it, and the laws that hold for it.

The numbers I1 to I19 are those of the design's invariants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from e2e.estate import Endpoints, Estate
from e2e.fleet import reason
from federation.kube.errors import ApiError
from federation.kube.resources import Manifest, Resource
from mcs.names import CONTROLLER, IMPORTED_BY, MANAGED_BY, MCS_SERVICE, SOURCE_CLUSTER, derived_service
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES
from tests.crash.service_laws import endpoints_of, is_import, source_of
from tests.federated import Cluster, condition

WATCHED = (ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES)
_BACK = 0.2
"""Seconds until a server that was away is asked again."""

_NOBODY = ("", float("inf"))

Address = tuple[str, str]
"""Service and address."""


class Version(NamedTuple):
    """An object of ours as it was once; two of them differ if it was written in between."""

    cluster: str
    title: str
    service: str
    """Of a slice, what it is of, as its source is."""
    source: str
    resource_version: str


@dataclass
class View:
    """One cluster, as far as it was seen: by plural and name."""

    cluster: str
    objects: dict[str, dict[str, Manifest]] = field(
        default_factory=lambda: {resource.plural: {} for resource in WATCHED}
    )

    def slices(self) -> Iterator[Manifest]:
        """Yield the slices that the controller wrote."""
        return (live for live in self.objects[ENDPOINT_SLICES.plural].values() if is_import(live))

    def ready(self) -> set[Address]:
        """Return what callers here reach."""
        return {
            (live["metadata"]["labels"][MCS_SERVICE], address)
            for live in self.slices()
            for address, is_ready in endpoints_of(live)
            if is_ready
        }

    def imported(self) -> dict[str, dict[str, Endpoints]]:
        """Return endpoints by Service and source.

        :raises AssertionError: there is one twice (I2)
        """
        found: dict[str, dict[str, Endpoints]] = {}
        for live in self.slices():
            of = found.setdefault(live["metadata"]["labels"][MCS_SERVICE], {}).setdefault(source_of(live), {})
            for address, is_ready in endpoints_of(live):
                assert address not in of, f"{self.cluster}: {address} twice"
                of[address] = is_ready
        return found


class Imports:
    """The views of all members, and what went wrong in them.

    - `broken`: a sentence for each time that a law was broken
    - `exempt`: (cluster, service) that the test damages on purpose, since the last `settled`
    - `given_up`: a cluster that the others may do without, and from which time of the loop on
    """

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self.views = {cluster: View(cluster) for cluster in estate.fleet.members}
        self.broken: list[str] = []
        self.exempt: set[tuple[str, str]] = set()
        self.given_up = _NOBODY
        self._steady: dict[str, set[Address]] = {}
        self._ips: dict[tuple[str, str], list[str]] = {}

    def settled(self) -> None:
        """All is as it should be: what is ready now stays so, but for what users touch (I8)."""
        self.exempt.clear()
        self.given_up = _NOBODY
        self._steady = {cluster: view.ready() for cluster, view in self.views.items()}

    async def follow(self, cluster: str, resource: Resource) -> None:
        """Watch a kind in a member for ever, whether its server is there or not."""
        member = self._estate.fleet.members[cluster]
        while True:
            try:
                await self._watch(cluster, member, resource, await self._list(cluster, member, resource))
            except ApiError:
                await asyncio.sleep(_BACK)

    async def _list(self, cluster: str, member: Cluster, resource: Resource) -> str:
        found: dict[str, Manifest] = {}
        version = ""
        async for page in member.api.list(resource, namespace=self._estate.namespace):
            found |= {live["metadata"]["name"]: live for live in page.items}
            version = page.resource_version
        self.views[cluster].objects[resource.plural] = found
        self._check(cluster)
        return version

    async def _watch(self, cluster: str, member: Cluster, resource: Resource, version: str) -> None:
        seen = self.views[cluster].objects[resource.plural]
        async with member.api.watch(resource, version, namespace=self._estate.namespace) as events:
            async for event in events:
                name = event.manifest["metadata"].get("name", "")
                if event.type == "DELETED":
                    seen.pop(name, None)
                elif event.type != "BOOKMARK":
                    seen[name] = event.manifest
                self._check(cluster)

    def _check(self, cluster: str) -> None:
        """Laws that hold at any moment."""
        view = self.views[cluster]
        for service, address in self._steady.get(cluster, set()) - view.ready():
            touched = (service, address) in self._estate.touched or (cluster, service) in self.exempt
            given_up = self._is_given_up(network_of(address)) and cluster != network_of(address)
            if not (touched or given_up):
                self.broken.append(f"I8: {cluster}: {address} of {service} was absent for a moment")
        for live in view.slices():
            strangers = [
                address for address, _ in endpoints_of(live) if network_of(address) != source_of(live)
            ]
            if strangers:
                self.broken.append(f"I3: {cluster}: {strangers} are said to be {source_of(live)}'s")
        for live in view.objects[SERVICE_IMPORTS.plural].values():
            uid, ips = live["metadata"]["uid"], live["spec"].get("ips") or []
            if ips and self._ips.setdefault((cluster, uid), ips) != ips:
                name = live["metadata"]["name"]
                if (cluster, name) not in self.exempt:
                    self.broken.append(f"I9: {cluster}: {name} had {self._ips[cluster, uid]}, then {ips}")
                self._ips[cluster, uid] = ips

    def _is_given_up(self, source: str) -> bool:
        cluster, since = self.given_up
        return source == cluster and asyncio.get_running_loop().time() > since

    def of_source(self, cluster: str, source: str) -> list[str]:
        """Name the slices that a cluster has of a source."""
        return [
            live["metadata"]["name"] for live in self.views[cluster].slices() if source_of(live) == source
        ]

    def foreign(self, cluster: str) -> dict[str, object]:
        """Return what a cluster has that is not its own endpoints: imports with their IPs, slices, by UID."""
        view = self.views[cluster]
        imports = view.objects[SERVICE_IMPORTS.plural].values()
        found: dict[str, object] = {live["metadata"]["uid"]: live["spec"].get("ips") for live in imports}
        return found | {
            live["metadata"]["uid"]: sorted(endpoints_of(live))
            for live in view.slices()
            if source_of(live) != cluster
        }

    def own_differences(self, cluster: str) -> list[str]:
        """Say what of its own a cluster does not have, of Services that are exported there all the time."""
        try:
            imported = self.views[cluster].imported()
        except AssertionError as twice:
            return [str(twice)]
        found = []
        for service in self._estate.services:
            wanted = self._estate.wanted(service).get(cluster)
            if wanted is None or (service, cluster) in self._estate.remade:
                continue
            own = imported.get(service, {}).get(cluster, {})
            if own != wanted:
                found.append(f"{service}: wanted {_brief(wanted)}, found {_brief(own)}")
        return found

    def versions(self) -> set[Version]:
        """Return all that is ours in members."""
        return {
            Version(cluster, f"{plural}/{name}", *_sort_of(live), live["metadata"]["resourceVersion"])
            for cluster, view in self.views.items()
            for plural, objects in view.objects.items()
            for name, live in objects.items()
            if _is_ours(live)
        }

    def differences(self) -> list[str]:
        """Say what is not as the users left it; what only holds when nothing is under way any more."""
        return [each for view in self.views.values() for each in self._differences(view)]

    def _differences(self, view: View) -> Iterator[str]:
        try:
            imported = view.imported()
        except AssertionError as twice:
            yield str(twice)
            return
        services, imports = view.objects[SERVICES.plural], view.objects[SERVICE_IMPORTS.plural]
        for service in self._estate.services:
            wanted = self._estate.wanted(service)
            here, derived = imports.get(service), derived_service((self._estate.namespace, service))
            if (here is not None) != bool(wanted):
                yield f"I10: {view.cluster}: ServiceImport {service} {'is' if here else 'is not'} there"
            if here is not None and wanted:
                yield from _differences_of_import(view.cluster, here, sorted(wanted))
            has_ip = bool(wanted) and not service.startswith("headless")
            if (derived in services) != has_ip:
                yield f"{view.cluster}: the derived Service of {service}: wanted {has_ip}"
            found = imported.get(service, {})
            for source in self._estate.fleet.members:
                if found.get(source, {}) != wanted.get(source, {}):
                    yield (
                        f"I2, I4: {view.cluster}: {service} of {source}: wanted "
                        f"{_brief(wanted.get(source, {}))}, found {_brief(found.get(source, {}))}"
                    )
            site = self._estate.sites[service, view.cluster]
            export = view.objects[SERVICE_EXPORTS.plural].get(service)
            if site.exported and reasons_of(export) != _REASONS[site.there]:
                yield f"{view.cluster}: ServiceExport {service} says {reasons_of(export)}"
        yield from _orphans(view, imports)


_REASONS = {
    True: ["Valid", "Exported", "NoConflicts"],
    False: ["NoService", "Pending", "NoConflicts"],
}
"""What a ServiceExport says, with and without its Service."""


def reasons_of(export: Manifest | None) -> list[str]:
    return [reason(export, type_) for type_ in ("Valid", "Ready", "Conflict")]


def _differences_of_import(cluster: str, live: Manifest, sources: list[str]) -> Iterator[str]:
    told = sorted(each["cluster"] for each in live.get("status", {}).get("clusters", ()))
    if told != sources:
        yield f"{cluster}: ServiceImport {live['metadata']['name']} names {told}, not {sources}"
    if condition(live, "Ready") != "True":
        yield f"{cluster}: ServiceImport {live['metadata']['name']} is not Ready"


def _orphans(view: View, imports: Mapping[str, Manifest]) -> Iterator[str]:
    """I1: a slice or a derived Service of ours belongs to an import that is there."""
    derived = [
        live
        for live in view.objects[SERVICES.plural].values()
        if live["metadata"].get("labels", {}).get(MANAGED_BY) == CONTROLLER
    ]
    for live in [*view.slices(), *derived]:
        labels = live["metadata"]["labels"]
        owner = imports.get(labels.get(MCS_SERVICE, ""), {}).get("metadata", {}).get("uid")
        if owner not in [each["uid"] for each in live["metadata"].get("ownerReferences", ())]:
            source = labels.get(SOURCE_CLUSTER, "no cluster")
            yield f"I1: {view.cluster}: {live['kind']} {live['metadata']['name']} of {source} is an orphan"


def _is_ours(live: Manifest) -> bool:
    """Whether an object is for us to write: all but the slices and the Services of users."""
    labels = live["metadata"].get("labels", {})
    return live["kind"] in ("ServiceExport", "ServiceImport") or CONTROLLER in (
        labels.get(MANAGED_BY), labels.get(IMPORTED_BY)
    )  # fmt: skip


def _sort_of(live: Manifest) -> tuple[str, str]:
    labels = live["metadata"].get("labels", {})
    return labels.get(MCS_SERVICE, ""), labels.get(SOURCE_CLUSTER, "")


def network_of(address: str) -> str:
    """Name the cluster whose an address is."""
    return f"m{address.split('.')[1]}"


def _brief(endpoints: Endpoints) -> str:
    ready = sum(endpoints.values())
    return f"{ready} ready + {len(endpoints) - ready}: {', '.join(sorted(endpoints)[:4])}"
