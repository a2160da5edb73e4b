"""Laws of Services across clusters: what holds in members at any moment, whatever befalls the controller.

They are told what watches in the members saw; the numbers I1 to I25 are the design's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from federation.kube.resources import Manifest
from mcs.names import CONTROLLER, MANAGED_BY, SOURCE_CLUSTER
from mcs.resources import ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES
from tests.crash.witness import Seen

MEMBERS = ("m1", "m2")
Places = frozenset[tuple[str, str]]
"""(cluster, `plural/name`)"""


def law(seen: Sequence[Seen], *, ended: Places) -> None:
    """`ended` is what a user ends, and with it what that takes along."""
    _check_deletions(seen, ended)
    _check_sources(seen)
    _check_endpoints(seen)
    _check_ips(seen)


def _check_deletions(seen: Sequence[Seen], ended: Places) -> None:
    plurals = {
        resource.kind: resource.plural
        for resource in (SERVICES, SERVICE_EXPORTS, SERVICE_IMPORTS, ENDPOINT_SLICES)
    }
    for cluster, type_, live in seen:
        place = cluster, f"{plurals[live['kind']]}/{live['metadata']['name']}"
        assert type_ != "DELETED" or place in ended, f"{cluster}: {place[1]} was deleted, and nobody ended it"


def _check_sources(seen: Sequence[Seen]) -> None:
    """No slice has another cluster's endpoints than the one it names (I3, I16)."""
    for cluster, _, live in seen:
        if is_import(live):
            network = f"10.{source_of(live).removeprefix('m')}."
            for address, _ in endpoints_of(live):
                assert address.startswith(network), f"{cluster}: {address} is said to be {source_of(live)}'s"


def _check_endpoints(seen: Sequence[Seen]) -> None:
    """No endpoint that is ready comes back: it was ready before, and was not to be absent in between (I8)."""
    slices: dict[str, dict[str, set[str]]] = {cluster: {} for cluster in MEMBERS}
    gone: set[tuple[str, str]] = set()
    for cluster, type_, live in seen:
        if not is_import(live):
            continue
        here = slices[cluster]
        before = set[str]().union(*here.values())
        ready = {address for address, is_ready in endpoints_of(live) if is_ready}
        here[live["metadata"]["name"]] = ready if type_ != "DELETED" else set()
        after = set[str]().union(*here.values())
        gone |= {(cluster, address) for address in before - after}
        back = sorted(address for at, address in gone if at == cluster and address in after)
        assert not back, f"{cluster}: {', '.join(back)} was ready, absent, and ready again"


def _check_ips(seen: Sequence[Seen]) -> None:
    """The IP of a ServiceImport is the same for all its life (I9)."""
    ips: dict[tuple[str, str], Any] = {}
    for cluster, _, live in seen:
        if live["kind"] == "ServiceImport":
            key, now = (cluster, live["metadata"]["uid"]), live["spec"].get("ips")
            had = ips.setdefault(key, now) if now else ips.get(key)
            assert now == had, f"{cluster}: the ServiceImport had the IP {had}, then {now}"


def is_import(live: Manifest) -> bool:
    """Whether an object is an imported EndpointSlice."""
    labels = live["metadata"].get("labels", {})
    return live["kind"] == "EndpointSlice" and labels.get(MANAGED_BY) == CONTROLLER


def source_of(live: Manifest) -> str:
    """Return the cluster that an import names."""
    return str(live["metadata"]["labels"][SOURCE_CLUSTER])


def endpoints_of(live: Manifest) -> Iterator[tuple[str, bool]]:
    """Yield the address of each endpoint, and whether it is ready."""
    for each in live.get("endpoints") or ():
        yield each["addresses"][0], each["conditions"]["ready"]
