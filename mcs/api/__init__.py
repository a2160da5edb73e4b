"""The kinds of Services across clusters, as values: by MultiClusterService users say what they want, by the
others clusters tell each other of their Services, and only controllers write them."""

from mcs.api.cluster_export import ClusterExport
from mcs.api.multi_cluster_service import MultiClusterService
from mcs.api.service_set import ServiceSet
from mcs.api.source_state import SourceState
from policies.api.meta import Kind

__all__ = ["KINDS", "ClusterExport", "MultiClusterService", "ServiceSet", "SourceState"]

KINDS: tuple[type[Kind], ...] = (MultiClusterService, ClusterExport, ServiceSet, SourceState)
