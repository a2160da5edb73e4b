"""The kinds by which clusters tell each other of their Services, as values. Only controllers write them."""

from mcs.api.cluster_export import ClusterExport
from mcs.api.service_set import ServiceSet
from mcs.api.source_state import SourceState
from policies.api.meta import Kind

__all__ = ["KINDS", "ClusterExport", "ServiceSet", "SourceState"]

KINDS: tuple[type[Kind], ...] = (ClusterExport, ServiceSet, SourceState)
