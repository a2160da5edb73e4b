"""What a member imports of a Service: pure. Rules of KEP-1645; the numbers M1 to M11 are the design's."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mcs.api.service import ServicePort, ServiceTraits
from mcs.api.service_set import ServiceSetSpec
from mcs.api.source_state import SourceStateSpec
from mcs.names import (
    CONTROLLER,
    DERIVED_SERVICE,
    HEADLESS,
    IMPORTED_BY,
    MANAGED_BY,
    MCS_SERVICE,
    SERVICE_NAME,
    SOURCE_CLUSTER,
    Service,
    derived_service,
    slice_name,
)
from mcs.preference import annotations_of, preferred
from mcs.slices import Slice, abroad, without_ports
from policies.api.meta import Manifest

_AFFINITY_SECONDS = 10800
"""For how long a caller stays with an endpoint where nobody says it: the API server's default."""


class Import(NamedTuple):
    """What is to be in a member for one ServiceSet, as far as it can be said without the server's answers."""

    families: tuple[str, ...]
    """The IP families that Service and cluster have in common, the preferred one first; often one."""
    service_import: Manifest
    """The ServiceImport to apply, without `spec.ips`."""
    derived: Manifest | None
    """The derived Service to apply, its owner reference aside; None for Headless, and without a family."""
    slices: dict[str, Manifest]
    """EndpointSlices to apply by name, owner references aside."""


def imported(
    cluster: str,
    found: ServiceSetSpec,
    families: tuple[str, ...],
    remote: Mapping[str, Mapping[str, Slice]],
    own: Mapping[str, Slice],
) -> Import:
    """Decide what a cluster imports.

    :param families: the IP families that the cluster has, the first one preferred
    :param remote: by cluster, the slices on the host by name
    :param own: the cluster's own slices of the Service by name, as they are there; empty if it exports none
    """
    exported = found.service.ip_families or families
    common = tuple(family for family in families if family in exported)
    has_ip = found.service.type == "ClusterSetIP"
    return Import(
        common,
        _service_import(found, common),
        _derived_service(found, common) if has_ip and common else None,
        dict(_slices(cluster, found, common, remote, own)),
    )


def key_of(found: ServiceSetSpec) -> Service:
    return found.namespace, found.name


def leftovers(
    cluster: str,
    found: ServiceSetSpec,
    here: Mapping[str, Slice],
    wanted: Container[str],
    present: Mapping[str, Container[str]],
    certain: Container[str],
) -> list[str]:
    """Name the slices of ours that are to go (M8): of the others, the source may be only unknown right now.

    :param here: the slices of ours in the cluster by name
    :param wanted: the names that the import has
    :param present: by cluster, the names of the slices that there are of it, wanted or not
    :param certain: the clusters whose slices that are not there are known to be gone (`certain_of`), or that
        are left out
    """
    exporting = {each.name for each in found.clusters}

    def goes(name: str, source: str) -> bool:
        there = name in present.get(source, ())
        left_out = there and source in exporting  # for its ports or its family
        known_here = source in ("", cluster) and not there
        return left_out or known_here or source in certain

    return [name for name, piece in here.items() if name not in wanted and goes(name, piece.source)]


def left_out(
    cluster: str, sources: Iterable[str], stale: Container[str], unproven: Container[str], *, lacking: bool
) -> frozenset[str]:
    """Name the clusters whose endpoints a cluster does without (M8 d); its own are always there.

    :param sources: the clusters that export the Service, or of which something is here
    :param stale: those that give no sign of life
    :param unproven: those of which it is not known yet, and of which nothing is here
    :param lacking: whether the import did without some cluster before, which then has to prove itself
    """
    return frozenset(
        source
        for source in sources
        if source != cluster and (source in stale or (lacking and source in unproven))
    )


def certain_of(sources: Iterable[SourceStateSpec], given: Container[str]) -> frozenset[str]:
    """Return the clusters of which everything is on the host, or that left: what is not there is gone.

    :param given: the clusters whose word counts: the others may have said so to an older host (`mcs.words`)
    """
    return frozenset(
        source.cluster for source in sources if source.left or (source.synced and source.cluster in given)
    )


def is_withdrawn(
    exported_by: Collection[str], sources: Mapping[str, SourceStateSpec], given: Container[str]
) -> bool:
    """Whether a Service that the host knows nothing of is exported no more, by any of those that did.

    An import that nobody put its exporters on yet could be anyone's: then all sources must say so. Those that
    never exported anything give no word, so what the host holds of them counts: no endpoints depend on it.
    """
    if not exported_by:
        return bool(sources) and set(sources) == certain_of(sources.values(), given=sources)
    return certain_of(sources.values(), given).issuperset(exported_by)


def _service_import(found: ServiceSetSpec, families: tuple[str, ...]) -> Manifest:
    has_ip = found.service.type == "ClusterSetIP"
    annotations = annotations_of(preferred(found.service))
    if has_ip:
        annotations[DERIVED_SERVICE] = derived_service(key_of(found))
    return {
        "apiVersion": "multicluster.x-k8s.io/v1beta1",
        "kind": "ServiceImport",
        "metadata": {
            "namespace": found.namespace,
            "name": found.name,
            "labels": {**found.service.labels, IMPORTED_BY: CONTROLLER},
            "annotations": {**found.service.annotations, **annotations},
        },
        "spec": {
            "type": found.service.type,
            "ports": [_port(port) for port in found.service.ports],
            **_traits(found.service),
            **({"ipFamilies": list(families)} if families else {}),
        },
    }


def _derived_service(found: ServiceSetSpec, families: tuple[str, ...]) -> Manifest:
    """M4. The target port is said outright, so that one that somebody changes is seen."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "namespace": found.namespace,
            "name": derived_service(key_of(found)),
            "labels": {MCS_SERVICE: found.name, IMPORTED_BY: CONTROLLER},
        },
        "spec": service_spec(found, families),
    }


def service_spec(found: ServiceSetSpec, families: tuple[str, ...]) -> Manifest:
    """Return the spec of a Service of ours. It selects nothing; its endpoints are written."""
    return {
        "type": "ClusterIP",
        "ports": [_port(port) | {"targetPort": port.port} for port in found.service.ports],
        **_traits(found.service),
        "ipFamilies": list(families),
        "ipFamilyPolicy": "SingleStack" if len(families) == 1 else "PreferDualStack",
    }


def _port(port: ServicePort) -> dict[str, Any]:
    said = {"name": port.name, "appProtocol": port.app_protocol}
    return {"port": port.port, "protocol": port.protocol} | {k: v for k, v in said.items() if v}


def _traits(service: ServiceTraits) -> dict[str, Any]:
    """Return what a ServiceImport and a Service say alike."""
    traits: dict[str, Any] = {
        "sessionAffinity": service.session_affinity,
        "internalTrafficPolicy": service.internal_traffic_policy,
    }
    if service.session_affinity == "ClientIP":
        seconds = service.session_affinity_seconds or _AFFINITY_SECONDS
        traits["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": seconds}}
    if service.traffic_distribution:
        traits["trafficDistribution"] = service.traffic_distribution
    return traits


def _slices(
    cluster: str,
    found: ServiceSetSpec,
    families: Container[str],
    remote: Mapping[str, Mapping[str, Slice]],
    own: Mapping[str, Slice],
) -> Iterator[tuple[str, Manifest]]:
    """M6 and M7: of each cluster that exports, under the name that a slice has on the host."""
    for exporter in found.clusters:
        mine = exporter.name == cluster
        for source, piece in (own if mine else remote.get(exporter.name, {})).items():
            if piece.content["addressType"] not in families:
                continue
            content = with_ports(found, piece.content, exporter.excluded_ports)
            if content is not None:
                name = slice_name(cluster, key_of(found), source) if mine else source
                copy = content if mine else abroad(content)
                yield name, _slice(found, name, exporter.name, copy)


def with_ports(found: ServiceSetSpec, content: Manifest, excluded: Container[str]) -> Manifest | None:
    """Leave out the ports that mean something else in other clusters.

    Without any, addresses are of no use behind an IP; they still answer for a name without one.
    """
    left = without_ports(content, excluded)
    return content | {"ports": []} if left is None and found.service.type == "Headless" else left


def _slice(found: ServiceSetSpec, name: str, source: str, content: Manifest) -> Manifest:
    behind_ip = {SERVICE_NAME: derived_service(key_of(found))}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": found.namespace,
            "name": name,
            "labels": {
                MANAGED_BY: CONTROLLER,
                MCS_SERVICE: found.name,
                SOURCE_CLUSTER: source,
                **({HEADLESS: ""} if found.service.type == "Headless" else behind_ip),
            },
        },
        **content,
    }
