"""EndpointSlices as they travel between clusters."""

from __future__ import annotations

from collections.abc import Container, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from mcs.names import (
    CONTROLLER,
    MANAGED_BY,
    MCS_SERVICE,
    NATIVE,
    SERVICE_NAME,
    SERVICE_NAMESPACE,
    SOURCE_CLUSTER,
    STANDBY_FOR,
)
from mcs.names import Service as ServiceKey
from policies.api.meta import Manifest

_KEPT = ("addresses", "conditions", "hostname", "nodeName", "zone", "hints")
"""Of an endpoint; what it refers to (targetRef) means nothing to callers."""
_OF_ITS_CLUSTER = ("nodeName", "hints")


class Slice(NamedTuple):
    """An EndpointSlice as a mirror keeps it."""

    uid: str
    labels: dict[str, str]
    content: Manifest
    """addressType, ports and endpoints, without what means nothing elsewhere."""
    owner: str = ""
    """The UID of the one object that it belongs to, if there is one."""

    @property
    def ours(self) -> bool:
        return self.labels.get(MANAGED_BY) == CONTROLLER

    @property
    def native(self) -> bool:
        """Whether it is attached to the plain name, and not to the ServiceImport."""
        return self.labels.get(NATIVE) == "true"

    @property
    def stands_by(self) -> bool:
        """Whether its endpoints are not called at present."""
        return STANDBY_FOR in self.labels

    @property
    def source(self) -> str:
        """The cluster whose endpoints it has; empty for a slice that is nobody's copy."""
        return self.labels.get(SOURCE_CLUSTER, "")


def projected(manifest: Manifest) -> Slice:
    """Keep of an EndpointSlice what travels and what it is found by."""
    metadata = manifest["metadata"]
    owner = (metadata.get("ownerReferences") or [{}])[0]
    return Slice(metadata["uid"], metadata.get("labels") or {}, content_of(manifest), owner.get("uid", ""))


def content_of(manifest: Manifest) -> Manifest:
    """Return addressType, ports and endpoints of an EndpointSlice."""
    return {
        "addressType": manifest["addressType"],
        "ports": manifest.get("ports") or [],
        "endpoints": [_endpoint(endpoint) for endpoint in manifest.get("endpoints") or ()],
    }


def _endpoint(endpoint: dict[str, Any]) -> dict[str, Any]:
    return {name: endpoint[name] for name in _KEPT if endpoint.get(name) not in (None, "")}


def abroad(content: Manifest) -> Manifest:
    """Return what other clusters learn of a slice: names of nodes collide between clusters, and whom an
    endpoint is for is each cluster's business."""
    endpoints = [{k: v for k, v in each.items() if k not in _OF_ITS_CLUSTER} for each in content["endpoints"]]
    return content | {"endpoints": endpoints}


def without_ports(content: Manifest, excluded: Container[str]) -> Manifest | None:
    """Return a slice without some ports, by name; None if none is left that had some."""
    ports = [port for port in content["ports"] if port.get("name", "") not in excluded]
    return content | {"ports": ports} if ports or not content["ports"] else None


def in_order(wanted: Mapping[str, Manifest], held: Mapping[str, Slice]) -> dict[str, set[str]]:
    """Return the names of slices in the order to write them, and by each the names that it is to wait for.

    An endpoint that moves is written to its new slice first, so that it is always in one of them. Only where
    endpoints change places, so that each slice would have to wait for the other, there is no such order.

    :param wanted: content by name
    :param held: the slices as they are
    """
    changed = [name for name, content in wanted.items() if _differs(held.get(name), content)]
    after = {name: _addresses(wanted[name]) for name in changed}
    before = {name: _addresses(held[name].content) if name in held else set[str]() for name in changed}
    takes = {address: name for name in changed for address in after[name] - before[name]}
    waits = {name: set[str]() for name in wanted} | {
        name: {takes[address] for address in before[name] - after[name] if address in takes}
        for name in changed
    }
    try:
        return {name: waits[name] for name in TopologicalSorter(waits).static_order()}
    except CycleError:
        return {name: set() for name in sorted(wanted, key=lambda name: bool(waits[name]))}


def _differs(held: Slice | None, wanted: Manifest) -> bool:
    return held is None or held.content["endpoints"] != wanted["endpoints"]


def _addresses(content: Manifest) -> set[str]:
    return {address for endpoint in content["endpoints"] for address in endpoint["addresses"]}


def service_at_home(namespace: str, piece: Slice) -> ServiceKey | None:
    """Return the Service that a slice in a member belongs to: by import if it is ours, by name else, and if
    it is attached to the plain name.

    A copy for the host, there if the host is a member itself, is nothing of the member's.
    """
    if piece.ours and SERVICE_NAMESPACE in piece.labels:
        return None
    if piece.ours and not piece.native:
        name = piece.labels.get(MCS_SERVICE)
    else:
        name = piece.labels.get(STANDBY_FOR, piece.labels.get(SERVICE_NAME))
    return (namespace, name) if name else None


def service_on_host(piece: Slice) -> ServiceKey:
    """Return the Service that a copy on the host belongs to."""
    return piece.labels.get(SERVICE_NAMESPACE, ""), piece.labels.get(MCS_SERVICE, "")
