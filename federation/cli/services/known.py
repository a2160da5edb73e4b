"""What the host knows of Services of several clusters, read for a command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from federation.kube.api import Api, Manifest, Resource
from federation.kube.errors import ApiError, NotFound
from federation.settings import NAMESPACE
from mcs.api import ClusterExport, ServiceSet
from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service_set import ServiceSetSpec
from mcs.names import (
    CONTROLLER,
    MANAGED_BY,
    MCS_SERVICE,
    SERVICE_NAMESPACE,
    Service,
    host_namespace,
    set_name,
)
from mcs.resources import CLUSTER_EXPORTS, ENDPOINT_SLICES, SERVICE_SETS
from mcs.slices import Slice, projected, service_on_host

Slices = dict[str, dict[str, Slice]]
"""By cluster, its EndpointSlices on the host by name."""


class Known(NamedTuple):
    """One Service that clusters export."""

    found: ServiceSetSpec
    exports: list[ClusterExportSpec]
    slices: Slices


def service_named(text: str) -> Service:
    """Read `market/cart`.

    :raises ApiError: it is something else.
    """
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise ApiError(f"{text}: name a Service as NAMESPACE/NAME, such as market/cart")
    return namespace, name


async def sets_and_slices(api: Api, namespace: str) -> tuple[list[ServiceSetSpec], dict[Service, Slices]]:
    """Return the sets of a namespace, or of all if it is empty, by name, and the slices of their Services."""
    sets = [ServiceSet.model_validate(each).spec for each in await _all(api, SERVICE_SETS, NAMESPACE)]
    chosen = [each for each in sets if namespace in ("", each.namespace)]
    labels = {SERVICE_NAMESPACE: namespace} if namespace else {}
    found = _by_service(await _all(api, ENDPOINT_SLICES, labels=labels | {MANAGED_BY: CONTROLLER}))
    return sorted(chosen, key=lambda each: (each.namespace, each.name)), found


async def set_of(api: Api, service: Service) -> ServiceSetSpec | None:
    """Return what all clusters make of a Service together, or None if none exports it."""
    try:
        return ServiceSet.model_validate(await api.get(SERVICE_SETS, set_name(service), NAMESPACE)).spec
    except NotFound:
        return None


async def known(api: Api, service: Service) -> Known:
    """Return all that the host knows of a Service.

    :raises ApiError: no cluster exports it.
    """
    found = await set_of(api, service)
    if found is None:
        raise ApiError(
            f"no cluster exports {'/'.join(service)}; `atoll services` shows what is exported, `atoll export "
            f"{'/'.join(service)} --cluster NAME` exports it"
        )
    labels = {SERVICE_NAMESPACE: service[0], MCS_SERVICE: service[1]}
    exports = [ClusterExport.model_validate(each) for each in await _all(api, CLUSTER_EXPORTS, labels=labels)]
    slices = _by_service(await _all(api, ENDPOINT_SLICES, labels=labels | {MANAGED_BY: CONTROLLER}))
    own = [each.spec for each in exports if each.metadata.namespace == host_namespace(each.spec.cluster)]
    return Known(found, own, slices.get(service, {}))


def _by_service(manifests: Iterable[Manifest]) -> dict[Service, Slices]:
    """Sort slices; what a cluster says counts in that cluster's own namespace alone."""
    found: dict[Service, Slices] = {}
    for manifest in manifests:
        piece, metadata = projected(manifest), manifest["metadata"]
        if metadata["namespace"] == host_namespace(piece.source):
            by_cluster = found.setdefault(service_on_host(piece), {})
            by_cluster.setdefault(piece.source, {})[metadata["name"]] = piece
    return found


async def _all(
    api: Api, resource: Resource, namespace: str | None = None, labels: dict[str, str] | None = None
) -> list[Manifest]:
    text = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
    selector = {"labelSelector": text} if text else None
    pages = api.list(resource, namespace=namespace, selector=selector)
    return [item async for page in pages for item in page.items]
