"""PropagationPolicy and ClusterPropagationPolicy: which objects go to which clusters."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policies.api.failover import Failover, Suspension
from policies.api.meta import (
    AGE,
    ClusterNames,
    Column,
    Condition,
    Count,
    Int32,
    Kind,
    LabelKey,
    LabelSelector,
    LabelValue,
    Model,
    Name,
    ResourceSelector,
    Rule,
    Toleration,
    condition_column,
    list_map,
)


class FieldSelectorRequirement(Model):
    """A condition on where a cluster stands."""

    key: Literal["provider", "region", "zone"]
    """What is compared. A zone matches if any of the cluster's zones does."""
    operator: Literal["In", "NotIn"]
    """Whether it must be one of the values or none of them."""
    values: Annotated[list[LabelValue], Field(min_length=1, max_length=256)]
    """The values."""


class FieldSelector(Model):
    """A selection of clusters by provider, region and zone; all conditions must hold."""

    match_expressions: Annotated[list[FieldSelectorRequirement], Field(max_length=64)] = []
    """The conditions."""


class ClusterAffinity(Model):
    """A selection of clusters: all conditions must hold, and an empty one selects every cluster."""

    label_selector: LabelSelector | None = None
    """Labels the Cluster must have."""
    field_selector: FieldSelector | None = None
    """Where the cluster must stand."""
    cluster_names: ClusterNames = []
    """Names, one of which the cluster must have. Empty means any."""
    exclude: ClusterNames = []
    """Clusters that are never selected."""


class ClusterAffinityTerm(ClusterAffinity):
    """A named group of clusters."""

    affinity_name: Annotated[str, Field(min_length=1, max_length=32)]
    """The name of the group."""
    overflow_affinities: Annotated[list[ClusterAffinity], Field(max_length=16)] = []
    """Further tiers of clusters, in order: each is used once those before it are full and is emptied first.
    Only with replicaSchedulingType Divided and either Aggregated or dynamicWeight."""


class SpreadConstraint(Model):
    """How many groups of clusters are used."""

    validations = (
        Rule(
            "has(self.spreadByField) != (has(self.spreadByLabel) && self.spreadByLabel != '')",
            "needs either spreadByField or spreadByLabel; set exactly one of them",
        ),
        Rule(
            "!has(self.maxGroups) || !has(self.minGroups) || self.minGroups <= self.maxGroups",
            "minGroups (1 unless set) exceeds maxGroups; lower minGroups or raise maxGroups",
            ".minGroups",
        ),
    )

    spread_by_field: Literal["cluster", "region", "zone", "provider"] | None = None
    """What makes a group: each cluster its own, or all clusters of one region, zone or provider."""
    spread_by_label: Annotated[str, Field(max_length=317)] | None = None
    """A label whose value makes a group."""
    min_groups: Count = 1
    """How many groups must be used at least."""
    max_groups: Count | None = None
    """How many groups may be used at most. Absent means no limit."""


class StaticClusterWeight(Model):
    """The weight of some clusters."""

    target_cluster: ClusterAffinity
    """The clusters."""
    weight: Annotated[Count, Field(ge=1)]
    """Their weight. A cluster that several rules select gets the highest."""


class ClusterPreferences(Model):
    """The weights by which replicas are shared out."""

    static_weight_list: Annotated[list[StaticClusterWeight], Field(max_length=256)] = []
    """Fixed weights. Clusters without one get no replicas; if no cluster has one, all weigh the same."""
    dynamic_weight: Literal["AvailableReplicas"] | None = None
    """Weights by free capacity. The static list is then ignored."""


class ReplicaScheduling(Model):
    """How replicas are shared out among the clusters."""

    replica_scheduling_type: Literal["Duplicated", "Divided"] = "Divided"
    """Duplicated: every cluster gets all replicas. Divided: the clusters share them."""
    replica_division_preference: Literal["Weighted", "Aggregated"] = "Weighted"
    """For Divided. Weighted: in proportion to weights. Aggregated: in as few clusters as can hold them."""
    weight_preference: ClusterPreferences | None = None
    """The weights for Weighted. Absent means all clusters weigh the same."""


class WorkloadAffinityTerm(Model):
    """Workloads of the namespace, grouped by a label."""

    group_by_label_key: LabelKey
    """The label; workloads with the same value belong to one group."""


class WorkloadAffinity(Model):
    """Which workloads go together, and which apart."""

    affinity: WorkloadAffinityTerm | None = None
    """Workloads of one group go to the same clusters."""
    anti_affinity: WorkloadAffinityTerm | None = None
    """Workloads of one group go to different clusters."""


class Placement(Model):
    """The clusters an object goes to, and how its replicas are shared out among them."""

    validations = (
        Rule(
            "!has(self.clusterAffinity) || !has(self.clusterAffinities) || size(self.clusterAffinities) == 0",
            "clusterAffinity and clusterAffinities exclude each other; keep one of them",
            ".clusterAffinities",
        ),
        Rule(
            "!has(self.spreadConstraints) || size(self.spreadConstraints) == 0"
            " || self.spreadConstraints.exists(c, has(c.spreadByField) && c.spreadByField == 'cluster')",
            "lacks a constraint on clusters; add one with spreadByField: cluster",
            ".spreadConstraints",
        ),
        Rule(
            "!has(self.spreadConstraints) || self.spreadConstraints.all(c, !has(c.spreadByField)"
            " || self.spreadConstraints.exists_one("
            "d, has(d.spreadByField) && d.spreadByField == c.spreadByField))",
            "has two constraints on one field; merge them",
            ".spreadConstraints",
        ),
        Rule(
            "!has(self.spreadConstraints) || self.spreadConstraints.all(c, !has(c.spreadByLabel)"
            " || self.spreadConstraints.exists_one("
            "d, has(d.spreadByLabel) && d.spreadByLabel == c.spreadByLabel))",
            "has two constraints on one label; merge them",
            ".spreadConstraints",
        ),
        Rule(
            "!has(self.clusterAffinities) || !self.clusterAffinities.exists("
            "a, has(a.overflowAffinities) && size(a.overflowAffinities) > 0)"
            " || (has(self.replicaScheduling) && self.replicaScheduling.replicaSchedulingType == 'Divided'"
            " && (self.replicaScheduling.replicaDivisionPreference == 'Aggregated'"
            " || (has(self.replicaScheduling.weightPreference)"
            " && has(self.replicaScheduling.weightPreference.dynamicWeight))))",
            "overflowAffinities work only with replicaSchedulingType: Divided and either "
            "replicaDivisionPreference: Aggregated or weightPreference.dynamicWeight; set these or remove it",
            ".clusterAffinities",
        ),
    )

    cluster_affinity: ClusterAffinity | None = None
    """The clusters to choose from. Absent means all."""
    cluster_affinities: Annotated[list[ClusterAffinityTerm], list_map("affinityName", max_items=32)] = []
    """Groups of clusters in order of preference: the first that can hold the object is used.
    Exclusive with `clusterAffinity`."""
    failback: Literal["Never", "WhenFeasible"] = "Never"
    """Whether an object returns to an earlier group of `clusterAffinities` once that can hold it again."""
    cluster_tolerations: Annotated[list[Toleration], Field(max_length=64)] = []
    """Taints of clusters that do not matter."""
    spread_constraints: Annotated[list[SpreadConstraint], Field(max_length=16)] = []
    """How many clusters, regions, zones or providers are used. If there are any, one must be on `cluster`."""
    replica_scheduling: ReplicaScheduling | None = None
    """How replicas are shared out. Absent means Duplicated."""
    workload_affinity: WorkloadAffinity | None = None
    """Which workloads go together, and which apart."""


class PropagationSpec(Model):
    """Which objects go where, and how."""

    validations = (
        Rule(
            "self.preemption != 'Always' || self.resourceSelectors.all(s, has(s.name) && s.name != '')",
            "preemption Always takes objects over from other policies, so each must be named; "
            "set name in every resourceSelector or preemption: Never",
            ".preemption",
        ),
    )

    resource_selectors: Annotated[list[ResourceSelector], Field(min_length=1, max_length=512)]
    """The objects this policy governs."""
    placement: Placement = Placement()
    """The clusters they go to. Absent means all."""
    priority: Int32 = 0
    """Among several policies that select an object, the highest priority governs."""
    preemption: Literal["Always", "Never"] = "Never"
    """Whether the policy takes objects over from a policy of lower priority that governs them already."""
    propagate_deps: bool = False
    """Whether the ConfigMaps, Secrets, ServiceAccounts and volume claims of a workload travel with it."""
    dependent_overrides: Annotated[list[Name], Field(max_length=256)] = []
    """OverridePolicies of the namespace that must exist before anything is applied; of a
    ClusterPropagationPolicy, ClusterOverridePolicies."""
    conflict_resolution: Literal["Abort", "Overwrite"] = "Abort"
    """What to do with an object of that name that is already in a member and is not Atoll's:
    leave it alone and say so, or take it over."""
    preserve_resources_on_deletion: bool = False
    """Whether members keep their copies when the template is deleted."""
    suspension: Suspension | None = None
    """A halt of writes to members."""
    activation_preference: Literal["", "Lazy"] = ""
    """Lazy: a change of this policy reaches an object with the object's next change only. Empty: at once.
    Suspension acts at once in any case."""
    failover: Failover | None = None
    """When and how workloads move away from failures. Absent means they stay."""


class PolicyFailure(Model):
    """One object on one cluster where a policy could not be carried out."""

    object: str
    """The object, as `deployments.apps/web` with its namespace."""
    cluster: str = ""
    """The cluster; empty when it concerns all."""
    reason: str
    """Why, as one word in CamelCase."""
    message: str = ""
    """Why, as a sentence with the remedy."""


class PolicyStatus(Model):
    """What a policy matches, where it is applied, what failed and why."""

    observed_generation: int = 0
    """The generation of the policy that the status speaks of."""
    matched: int = 0
    """How many objects it governs or changes."""
    applied: int = 0
    """How many of them are applied in all their clusters."""
    failed: int = 0
    """How many of them failed in some cluster; what workloads need that goes along counts, too."""
    failures: list[PolicyFailure] = []
    """The first failures."""
    conditions: Annotated[list[Condition], list_map("type")] = []
    """The state of the policy: Ready, with a reason when it is not."""


class PropagationPolicy(Kind):
    """Which objects of its namespace go to which clusters."""

    plural: ClassVar[str] = "propagationpolicies"
    short_names: ClassVar[tuple[str, ...]] = ("pp",)
    namespaced: ClassVar[bool] = True
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Matched", ".status.matched", "integer"),
        Column("Applied", ".status.applied", "integer"),
        Column("Failed", ".status.failed", "integer"),
        condition_column("Ready"),
        Column("Priority", ".spec.priority", "integer", priority=1),
        AGE,
    )

    spec: PropagationSpec
    """Which objects go where, and how."""
    status: PolicyStatus = PolicyStatus()
    """What the policy matches, where it is applied, what failed and why."""


class ClusterPropagationPolicy(PropagationPolicy):
    """Which objects, of any namespace or cluster-scoped, go to which clusters."""

    plural: ClassVar[str] = "clusterpropagationpolicies"
    short_names: ClassVar[tuple[str, ...]] = ("cpp",)
    namespaced: ClassVar[bool] = False
