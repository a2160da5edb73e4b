"""PropagationPolicy and ClusterPropagationPolicy: which objects go to which clusters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.api.meta import Condition, LabelSelector, Model, ObjectMeta, ResourceSelector, Toleration


class FieldSelectorRequirement(Model):
    key: Literal["provider", "region", "zone"]
    operator: Literal["In", "NotIn"]
    values: list[str]


class FieldSelector(Model):
    match_expressions: list[FieldSelectorRequirement] = []


class ClusterAffinity(Model):
    label_selector: LabelSelector | None = None
    field_selector: FieldSelector | None = None
    cluster_names: list[str] = []
    exclude: list[str] = []


class ClusterAffinityTerm(ClusterAffinity):
    affinity_name: str
    overflow_affinities: list[ClusterAffinity] = []


class SpreadConstraint(Model):
    spread_by_field: Literal["cluster", "region", "zone", "provider"] | None = None
    spread_by_label: str | None = None
    min_groups: Annotated[int, Field(ge=0)] = 1
    max_groups: Annotated[int, Field(ge=0)] | None = None


class StaticClusterWeight(Model):
    target_cluster: ClusterAffinity
    weight: Annotated[int, Field(ge=1)]


class ClusterPreferences(Model):
    static_weight_list: list[StaticClusterWeight] = []
    dynamic_weight: Literal["AvailableReplicas"] | None = None


class ReplicaScheduling(Model):
    replica_scheduling_type: Literal["Duplicated", "Divided"] = "Divided"
    replica_division_preference: Literal["Weighted", "Aggregated"] = "Weighted"
    weight_preference: ClusterPreferences | None = None


class WorkloadAffinityTerm(Model):
    group_by_label_key: str


class WorkloadAffinity(Model):
    affinity: WorkloadAffinityTerm | None = None
    anti_affinity: WorkloadAffinityTerm | None = None


class Placement(Model):
    cluster_affinity: ClusterAffinity | None = None
    cluster_affinities: list[ClusterAffinityTerm] = []
    failback: Literal["Never", "WhenFeasible"] = "Never"
    cluster_tolerations: list[Toleration] = []
    spread_constraints: list[SpreadConstraint] = []
    replica_scheduling: ReplicaScheduling | None = None
    workload_affinity: WorkloadAffinity | None = None


class SuspendClusters(Model):
    cluster_names: list[str] = []


class Suspension(Model):
    dispatching: bool | None = None
    dispatching_on_clusters: SuspendClusters | None = None


class StatePreservationRule(Model):
    alias_label_name: str
    json_path: str


class StatePreservation(Model):
    rules: list[StatePreservationRule] = []


class DecisionConditions(Model):
    toleration_seconds: Annotated[int, Field(ge=0)] = 300


PurgeMode = Literal["Gracefully", "Directly", "Never"]


class ClusterFailover(Model):
    purge_mode: PurgeMode = "Gracefully"
    grace_period_seconds: Annotated[int, Field(ge=0)] = 600
    state_preservation: StatePreservation | None = None


class ApplicationFailover(ClusterFailover):
    decision_conditions: DecisionConditions = DecisionConditions()


class Failover(Model):
    cluster: ClusterFailover | None = None
    application: ApplicationFailover | None = None


class PropagationSpec(Model):
    resource_selectors: list[ResourceSelector]
    placement: Placement = Placement()
    priority: int = 0
    preemption: Literal["Always", "Never"] = "Never"
    propagate_deps: bool = False
    dependent_overrides: list[str] = []
    conflict_resolution: Literal["Abort", "Overwrite"] = "Abort"
    preserve_resources_on_deletion: bool = False
    suspension: Suspension | None = None
    activation_preference: Literal["", "Lazy"] = ""
    failover: Failover | None = None


class PolicyFailure(Model):
    """One object on one cluster where a policy could not be carried out."""

    object: str
    cluster: str = ""
    reason: str
    message: str = ""


class PolicyStatus(Model):
    observed_generation: int = 0
    matched: int = 0
    applied: int = 0
    failed: int = 0
    failures: list[PolicyFailure] = []
    conditions: list[Condition] = []


class PropagationPolicy(Model):
    api_version: str
    kind: str
    metadata: ObjectMeta
    spec: PropagationSpec
    status: PolicyStatus = PolicyStatus()


class ClusterPropagationPolicy(PropagationPolicy):
    pass
