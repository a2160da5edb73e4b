"""At which zones and nodes endpoints are hinted, so that kube-proxy sends callers there: pure.

Rules 47 and 48 of the design. Where every ready endpoint of a Service has a hint, and one is hinted at the
caller's node or its zone, only such are used; else all are (`pkg/proxy/topology.go`). So either every
endpoint gets a hint or none, and one that is for nobody here gets one that no node answers to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from mcs.api.service import Locality
from mcs.names import SOURCE_CLUSTER
from policies.api.meta import Manifest

NO_ZONE, REMOTE = "mcs-nozone", "mcs-remote"
"""What an endpoint without a zone, and one of another cluster, are hinted at."""
_MAX_ZONES = 8
"""How many zones a hint may name (API validation of EndpointSlices)."""
_BY_ZONE = frozenset({"PreferClose", "PreferSameZone", "PreferSameNode"})
"""Values of `trafficDistribution` with which kube-controller-manager hints at zones, too."""

Slices = Mapping[str, Manifest]
"""EndpointSlices by name, as they are to be."""


def hints_can_prefer(locality: Locality, zones: Collection[str] | None) -> bool:
    """Whether hints will do: they tell one ready endpoint from none, but no other number.

    :param zones: of the cluster's nodes; None where some node has none
    """
    return locality.min_local == 1 and bool(zones) and len(zones or ()) <= _MAX_ZONES


def by_cluster(cluster: str, slices: Slices, zones: Iterable[str]) -> dict[str, Manifest]:
    """Hint the cluster's own endpoints at each of its zones, and those of others at none of them."""
    own, others = {"forZones": _names(*sorted(zones))}, {"forZones": _names(REMOTE)}

    def hinted(manifest: Manifest) -> Manifest:
        hints = own if _source(manifest) == cluster else others
        return _hinted(manifest, lambda endpoint: hints)

    return {name: hinted(each) for name, each in slices.items()}


def by_zone(
    cluster: str, slices: Slices, traffic_distribution: str, *, by_node: bool = False
) -> dict[str, Manifest]:
    """Hint each endpoint at its own zone where the Service asks for it, as Kubernetes does; else at nothing.

    :param by_node: whether this cluster hints at nodes if the Service asks for it (`hints_at_nodes`)
    """
    if traffic_distribution not in _BY_ZONE:
        return {name: _hinted(each, lambda endpoint: {}) for name, each in slices.items()}
    with_nodes = by_node and traffic_distribution == "PreferSameNode"

    def hints(endpoint: Manifest, own: bool) -> Manifest:
        zone = {"forZones": _names(endpoint.get("zone") or NO_ZONE)}
        node = endpoint.get("nodeName", REMOTE) if own else REMOTE
        return zone | ({"forNodes": _names(node)} if with_nodes else {})

    def hinted(manifest: Manifest) -> Manifest:
        own = _source(manifest) == cluster
        return _hinted(manifest, lambda endpoint: hints(endpoint, own))

    return {name: hinted(each) for name, each in slices.items()}


def hints_at_nodes(contents: Iterable[Manifest]) -> bool:
    """Whether some of a Service's own endpoints are hinted at nodes, which Kubernetes does since 1.34: an API
    server that does not know such hints drops them."""
    return any((each.get("hints") or {}).get("forNodes") for one in contents for each in one["endpoints"])


def _hinted(manifest: Manifest, hints: Callable[[Manifest], Manifest]) -> Manifest:
    return manifest | {"endpoints": [_with(each, hints(each)) for each in manifest["endpoints"]]}


def _with(endpoint: Manifest, hints: Manifest) -> Manifest:
    bare = {key: value for key, value in endpoint.items() if key != "hints"}
    return bare | {"hints": hints} if hints else bare


def _names(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def _source(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"][SOURCE_CLUSTER])
