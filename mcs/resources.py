"""The resource types of Services across clusters."""

from __future__ import annotations

from federation.kube.resources import Resource
from mcs.api import KINDS
from policies.api.meta import GROUP, VERSION

_OURS = {kind.__name__: Resource(GROUP, VERSION, kind.plural, kind.__name__) for kind in KINDS}

MULTI_CLUSTER_SERVICES = _OURS["MultiClusterService"]
CLUSTER_EXPORTS = _OURS["ClusterExport"]
SERVICE_SETS = _OURS["ServiceSet"]
SOURCE_STATES = _OURS["SourceState"]

LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
SERVICES = Resource("", "v1", "services", "Service")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
SERVICE_EXPORTS = Resource("multicluster.x-k8s.io", "v1beta1", "serviceexports", "ServiceExport")
SERVICE_IMPORTS = Resource("multicluster.x-k8s.io", "v1beta1", "serviceimports", "ServiceImport")
