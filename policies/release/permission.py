"""Permission: what one cluster may hold. It follows from the Rollout alone, so it is on record before it is
given, and a controller that starts anew gives the same again.
"""

from __future__ import annotations

from typing import NamedTuple

from policies.api.rollout import Rollout, RolloutCluster, RolloutSpec


class Permission(NamedTuple):
    """A revision, and how much of it."""

    revision: str
    """The ControllerRevision whose pod template the cluster holds."""
    updated: int | None = None
    """How many pods may be at that revision; None for all, with the workload's own strategy."""
    max_unavailable: int | None = None
    """How many pods may be down while all go to the revision; None for the workload's own strategy."""
    replicas: int | None = None
    """How many pods the count was made for: both reach the cluster in one write. None: as placed."""

    @property
    def echo(self) -> str:
        """What the copy carries as an annotation, so that the cluster itself tells what it was permitted."""
        if self.updated is not None:
            return f"{self.revision}/{self.updated}"
        return self.revision if self.max_unavailable is None else f"{self.revision}/all"


def heard(echo: str) -> Permission | None:
    """Read an echo; None when there is none, or when it is not ours."""
    revision, slash, updated = echo.partition("/")
    if not revision or (slash and updated != "all" and not updated.isdigit()):
        return None
    return Permission(revision, int(updated) if updated.isdigit() else None)


def settled(rollout: Rollout) -> str:
    """Return the revision that clusters hold which a run knows nothing of, once it is over and before."""
    return (
        rollout.spec.target_revision if rollout.status.phase == "Completed" else rollout.spec.stable_revision
    )


def permission(rollout: Rollout, name: str) -> Permission:
    """Return what a cluster may hold by the last run of the workload."""
    spec, status = rollout.spec, rollout.status
    cluster = next((cluster for cluster in status.clusters if cluster.name == name), None)
    catches_up = status.phase == "Completed" and cluster is not None and cluster.left_out == "Skipped"
    if cluster is None or (catches_up and name not in spec.skip_clusters):
        return Permission(settled(rollout))
    return permitted(spec, cluster)


def permitted(spec: RolloutSpec, cluster: RolloutCluster) -> Permission:
    """Return what a cluster may hold while a run is under way."""
    match cluster.state:
        case "Stable":
            base = cluster.base_revision or spec.stable_revision
            if cluster.base_permitted is None:
                return Permission(base)
            return Permission(base, cluster.base_permitted, replicas=cluster.replicas)
        case "Releasing":
            return Permission(spec.target_revision, cluster.permitted, replicas=cluster.replicas)
        case "Released":
            return Permission(spec.target_revision)
        case "Restoring":
            return Permission(spec.stable_revision, None, cluster.max_unavailable)
        case "Restored":
            return Permission(spec.stable_revision)
