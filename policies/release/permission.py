"""Permission: what one cluster may hold. It follows from the Rollout alone, so it is on record before it is
given, and a controller that starts anew gives the same again.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from policies.api.rollout import Rollout, RolloutCluster, RolloutSpec
from policies.workloads import drivers
from policies.workloads.driver import Part

_ECHO = re.compile(r"(?P<revision>[^/]+)(/all|/(?P<updated>\d+)(-(?P<outliers>\d+))?)?")


class Permission(NamedTuple):
    """A revision, and how much of it."""

    revision: str
    """The ControllerRevision whose content the cluster holds."""
    updated: int | None = None
    """How many pods may be at that revision; None for all, with the workload's own strategy."""
    max_unavailable: int | None = None
    """How many pods may be down while all go to the revision; None for the workload's own strategy."""
    replicas: int | None = None
    """How many pods the count was made for: both reach the cluster in one write. None: as placed."""
    noted: bool = True
    """The copy is to say so. Before the first run there is nothing to say."""
    outliers: int = 0
    """How many of `updated` a StatefulSet's partition does not cover."""

    @property
    def part(self) -> Part | None:
        """How much of the revision the cluster may hold; None for all."""
        return None if self.updated is None else Part(self.updated, self.outliers)

    @property
    def echo(self) -> str:
        """What the copy carries as an annotation, so that the cluster itself tells what it was permitted."""
        if not self.noted:
            return ""
        if self.updated is not None:
            scattered = f"-{self.outliers}" if self.outliers else ""
            return f"{self.revision}/{self.updated}{scattered}"
        return self.revision if self.max_unavailable is None else f"{self.revision}/all"


def heard(echo: str) -> Permission | None:
    """Read an echo; None when there is none, or when it is not ours."""
    said = _ECHO.fullmatch(echo)
    if said is None:
        return None
    updated, outliers = said["updated"], int(said["outliers"] or 0)
    return Permission(said["revision"], None if updated is None else int(updated), outliers=outliers)


def settled(rollout: Rollout) -> str:
    """Return the revision that clusters hold which a run knows nothing of, once it is over and before."""
    return (
        rollout.spec.target_revision if rollout.status.phase == "Completed" else rollout.spec.stable_revision
    )


def permission(rollout: Rollout, name: str) -> Permission:
    """Return what a cluster may hold by the last run of the workload."""
    spec, status = rollout.spec, rollout.status
    cluster = status.cluster(name)
    catches_up = status.phase == "Completed" and cluster is not None and cluster.left_out == "Skipped"
    if cluster is None or (catches_up and name not in spec.skip_clusters):
        return Permission(settled(rollout))
    return permitted(spec, cluster)


def accounts_for(rollout: Rollout | None, name: str, held: Permission | None) -> bool:
    """Whether the last run of a workload, which is over, explains a part of a revision in a cluster.

    If not, a later run began it whose Rollout is gone.
    """
    if held is None or held.updated is None:
        return True
    if rollout is None:
        return False
    cluster = rollout.status.cluster(name)
    if cluster is None or (rollout.status.phase == "Completed" and not cluster.left_out):
        return held.revision == settled(rollout)
    return held.revision in (
        rollout.spec.target_revision,
        rollout.spec.stable_revision,
        cluster.base_revision,
    )


def outstanding(rollout: Rollout | None, name: str, held: Permission | None) -> Permission | None:
    """Return what a cluster holds, or may any moment: what the last run permitted may be on its way there.

    :param held: what its copy said when it was last heard of.
    """
    if rollout is None or rollout.status.cluster(name) is None:
        return held
    if not accounts_for(rollout, name, held):
        return held
    may = permission(rollout, name)
    if may.updated is None or (held is not None and held.revision == may.revision and _exceeds(held, may)):
        return held
    return may


def _exceeds(held: Permission, may: Permission) -> bool:
    return held.updated is None or (may.updated is not None and held.updated > may.updated)


def base_of(told: Collection[Permission], known: Collection[str]) -> str | None:
    """Return the revision that clusters were at before a run that is gone; None if that can't be told.

    :param told: what copies say they hold.
    :param known: the revisions that the host has kept.
    """
    begun = {held.revision for held in told if held.updated is not None}
    whole = {held.revision for held in told} - begun or set(known) - begun
    return whole.pop() if len(whole) == 1 else None


def permitted(spec: RolloutSpec, cluster: RolloutCluster) -> Permission:
    """Return what a cluster may hold while a run is under way."""
    match cluster.state:
        case "Stable":
            base = cluster.base_revision or spec.stable_revision
            if cluster.base_permitted is None:
                return Permission(base)
            return Permission(
                base, cluster.base_permitted, replicas=_pods(spec, cluster), outliers=cluster.base_outliers
            )
        case "Releasing":
            return Permission(
                spec.target_revision,
                cluster.permitted,
                replicas=_pods(spec, cluster),
                outliers=cluster.outliers,
            )
        case "Released":
            return Permission(spec.target_revision)
        case "Restoring":
            return Permission(spec.stable_revision, None, cluster.max_unavailable)
        case "Restored":
            return Permission(spec.stable_revision)


def _pods(spec: RolloutSpec, cluster: RolloutCluster) -> int | None:
    """Return how many pods there are to be, where a release counts pods."""
    return cluster.replicas if drivers.released(spec).units == "pods" else None
