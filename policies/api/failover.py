"""Suspension and failover: when members are not written to, and when workloads leave them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.api.meta import ClusterNames, Count, LabelKey, Model, Rule

PurgeMode = Literal["Gracefully", "Directly", "Never"]


class SuspendClusters(Model):
    """Clusters chosen by name."""

    cluster_names: ClusterNames = []
    """The names of the clusters."""


class Suspension(Model):
    """A halt of writes to members; deletions of the whole template still run. A cluster that is no longer
    a target keeps its copy until the halt is over."""

    validations = (
        Rule(
            "!(has(self.dispatching) && self.dispatching) || !has(self.dispatchingOnClusters)"
            " || !has(self.dispatchingOnClusters.clusterNames)"
            " || size(self.dispatchingOnClusters.clusterNames) == 0",
            "dispatching already suspends all clusters; remove dispatchingOnClusters or dispatching",
            ".dispatchingOnClusters",
        ),
    )

    dispatching: bool | None = None
    """While true, nothing is written to any member."""
    dispatching_on_clusters: SuspendClusters | None = None
    """Clusters to which nothing is written. Exclusive with `dispatching`."""


class StatePreservationRule(Model):
    """One value that moves with the workload."""

    alias_label_name: LabelKey
    """The label of the new copy that carries the value."""
    json_path: Annotated[str, Field(min_length=1, max_length=1024)]
    """Where the value stands, as a JSON path inside `.status`."""


class StatePreservation(Model):
    """What a new copy is told of the state of the old one."""

    rules: Annotated[list[StatePreservationRule], Field(max_length=32)] = []
    """The values to carry over."""


class DecisionConditions(Model):
    """When a workload counts as failed."""

    toleration_seconds: Count = 300
    """How long a workload may be unhealthy in a cluster before it is evicted from it."""


class ClusterFailover(Model):
    """How workloads leave a cluster that failed."""

    validations = (
        Rule(
            "!has(self.statePreservation) || self.purgeMode == 'Directly'",
            "state is carried over only when the old copy is deleted first; "
            "set purgeMode: Directly or remove statePreservation",
            ".statePreservation",
        ),
    )

    purge_mode: PurgeMode = "Gracefully"
    """When the old copy is deleted: Gracefully once the new ones are healthy or `gracePeriodSeconds` passed,
    Directly before the new ones start, Never by Atoll."""
    grace_period_seconds: Count = 600
    """How long the old copy is kept at most with purgeMode Gracefully."""
    state_preservation: StatePreservation | None = None
    """What the new copy is told of the state of the old one."""


class ApplicationFailover(ClusterFailover):
    """How a workload leaves a cluster in which it is unhealthy."""

    decision_conditions: DecisionConditions = DecisionConditions()
    """When the workload counts as failed."""


class Failover(Model):
    """When and how workloads move away from failures."""

    cluster: ClusterFailover | None = None
    """For a cluster that is not ready. Absent means workloads stay."""
    application: ApplicationFailover | None = None
    """For a workload that is unhealthy in one cluster. Absent means it stays."""
