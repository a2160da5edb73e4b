"""The kinds users write and read, as values."""

from policies.api.binding import ClusterResourceBinding, ResourceBinding
from policies.api.cluster import Cluster
from policies.api.interpreter import ResourceInterpreter
from policies.api.meta import Kind
from policies.api.override import ClusterOverridePolicy, OverridePolicy
from policies.api.propagation import ClusterPropagationPolicy, PropagationPolicy
from policies.api.rollout import Rollout
from policies.api.rollout_policy import ClusterRolloutPolicy, RolloutPolicy

KINDS: tuple[type[Kind], ...] = (
    Cluster,
    PropagationPolicy,
    ClusterPropagationPolicy,
    OverridePolicy,
    ClusterOverridePolicy,
    ResourceBinding,
    ClusterResourceBinding,
    RolloutPolicy,
    ClusterRolloutPolicy,
    Rollout,
    ResourceInterpreter,
)
"""All kinds of our API group."""
