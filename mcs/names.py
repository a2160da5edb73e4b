"""Names and labels of everything that is written for Services across clusters.

What stands for several names at once is hashed with a separator that names can't hold, never concatenated.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from policies.api.meta import GROUP
from policies.copies import SHADOW_LABEL

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = f"mcs-controller.{GROUP}"
"""The value of MANAGED_BY on every EndpointSlice of ours (KEP-1645 wants another than the built-in one)."""
COMPONENT = "atoll-mcs"
"""Who tells Events in a member."""
SERVICE_NAME = "kubernetes.io/service-name"
"""Ties an EndpointSlice to the Service whose callers kube-proxy sends there."""
HEADLESS = "service.kubernetes.io/headless"
"""On an EndpointSlice of a Service without an IP, so that kube-proxy passes it by."""
MCS_SERVICE = "multicluster.kubernetes.io/service-name"
"""Ties an EndpointSlice, or the derived Service, to its ServiceImport (KEP-1645)."""
SOURCE_CLUSTER = "multicluster.kubernetes.io/source-cluster"
"""The one cluster whose endpoints an EndpointSlice has (KEP-1645)."""
SERVICE_NAMESPACE = f"mcs.{GROUP}/service-namespace"
"""On the host, the namespace of the Service in its cluster."""
DERIVED_SERVICE = "multicluster.kubernetes.io/derived-service"
"""Annotation of a ServiceImport: the Service that has its IP."""
IMPORTED_BY = f"mcs.{GROUP}/imported-by"
"""Label, with CONTROLLER for its value, by which a ServiceImport or derived Service is known as ours."""
SET_REVISION = f"mcs.{GROUP}/set-revision"
"""Annotation of a ServiceImport: `<uid>/<revision>` of the ServiceSet that it was made of."""
SOURCE_LEASE = "mcs-source"
"""The Lease that a cluster's agent renews, in the cluster's namespace on the host."""
FRESH_TIME = f"mcs.{GROUP}/fresh-time"
"""Annotation of that Lease: when the agent reached its cluster last, by its own clock; not to be compared."""
WHOLE_TIME = f"mcs.{GROUP}/whole-time"
"""Annotation of that Lease: when the agent knew last that the cluster's exports are on the host, likewise."""
MODE = f"mcs.{GROUP}/mode"
"""Annotation of a ServiceExport: `NativeName`, where callers of the plain name are to reach all clusters."""
ADOPT_EXISTING = f"mcs.{GROUP}/adopt-existing"
"""Annotation, with `true` for its value: slices may be attached to Services that users made. On a
ServiceExport with NativeName it speaks for all clusters, on a Service for that one."""
LOCALITY = f"mcs.{GROUP}/locality"
"""Annotation of a ServiceExport, or of a ServiceImport for when the host is away: `PreferSameCluster`."""
MIN_LOCAL = f"mcs.{GROUP}/min-local"
"""Annotation beside it: how many ready endpoints of the caller's own cluster are enough."""
STANDBY_FOR = f"mcs.{GROUP}/standby-for"
"""Label of an EndpointSlice of ours whose endpoints are not called at present: the Service that it is for."""
SHADOW = SHADOW_LABEL
"""Label, with `true` for its value, of a Service of ours under the plain name, where nobody else has one."""
NATIVE = f"mcs.{GROUP}/native"
"""Label, with `true` for its value, of an EndpointSlice of ours that is attached to the plain name."""
REQUESTED = f"mcs.{GROUP}/owned-by-mcs"
"""Label, with `true` for its value, of a ServiceExport that was made for a MultiClusterService."""
STRICT = f"mcs.{GROUP}/strict"
"""Label, with `true` for its value, of a namespace of the host whose Services of ours never go by mistake."""
FINALIZER = f"mcs.{GROUP}/exports"
"""Holds a MultiClusterService until the ServiceExports that were made for it are gone."""
FIELD_MANAGER = "atoll-mcs"
AGENT = "atoll-services"
"""The agent in a member: its Deployment, account and Lease there, and its account on the host."""

_REMEMBERED = 1 << 14
"""Names that are hashed once only: each look at a Service asks for a dozen, and base32 is slow."""

Service = tuple[str, str]
"""(namespace, name) of a Service, the same in all clusters: what everything here is keyed by."""


def host_namespace(cluster: str) -> str:
    """Return the namespace on the host to which a cluster writes: `fed-<cluster>`, hashed when too long."""
    name = f"fed-{cluster}"
    return name if len(name) <= 63 else f"fed-{cluster[:37]}-{_hash(cluster, length=20)}"


@lru_cache(_REMEMBERED)
def derived_service(service: Service) -> str:
    """Return the name of the Service behind a ServiceImport, as the KEP's own implementation derives it."""
    digest = hashlib.sha256("/".join(service).encode()).digest()
    return f"derived-{_base32(digest)[:10]}"


def set_name(service: Service) -> str:
    """Return the name of the ServiceSet of a Service."""
    return f"s-{_hash(*service, length=20)}"


def export_name(cluster: str, service: Service) -> str:
    """Return the name of the ClusterExport of a cluster's Service."""
    return f"x-{_hash(cluster, *service, length=20)}"


def slice_name(cluster: str, service: Service, source: str) -> str:
    """Return the name of a copy of a cluster's EndpointSlice `source`, on the host and in every importer."""
    digest = _hash(cluster, service[0], source, length=12)
    return f"{service[1][:30].rstrip('-')}-{cluster[:20].rstrip('-')}-{digest}"


def native_name(name: str) -> str:
    """Return the name of the EndpointSlice under the plain name, of that of the imported one."""
    return f"{name}-n"


def standby_name(service: str) -> str:
    """Return the value of SERVICE_NAME on what is not to be called.

    It is a label value, of 63 characters at most.
    """
    whole = f"{service}-mcs-standby"
    return whole if len(whole) <= 63 else f"{service[:38]}-{_hash(service, length=12)}-mcs-standby"


@lru_cache(_REMEMBERED)
def _hash(*parts: str, length: int) -> str:
    return _base32(hashlib.sha256("|".join(parts).encode()).digest())[:length]


def _base32(digest: bytes) -> str:
    return base64.b32hexencode(digest).decode().lower().rstrip("=")
