"""Meeting: what is known of each cluster, brought up to date with what is seen of it."""

from __future__ import annotations

from policies.api.rollout import RolloutCluster
from policies.release.permission import permitted
from policies.release.state import Run, Sight, with_
from policies.workloads.driver import Part, in_proportion


def meet(run: Run) -> None:
    """Bring what is known of each cluster up to date; who left is let go, who came joins."""
    known = {cluster.name: cluster for cluster in run.before.clusters}
    for name, sight in run.sights.items():
        cluster = known.get(name) or _joined(run, name, sight)
        if sight.replicas in (cluster.replicas, None):
            cluster = _counted(run, cluster, sight)
        else:
            cluster = _resized(run, cluster, sight.replicas or 0)
        run.clusters[name] = _seen(run, cluster, sight)
    if run.total("updated_ready") > run.before.updated_ready:
        run.progress_time = run.stamp()


def _joined(run: Run, name: str, sight: Sight) -> RolloutCluster:
    """Take in a cluster as it says it is: what it holds stands, also when our record of it was lost."""
    cluster, held = RolloutCluster(name=name, replicas=sight.replicas or 0), sight.holds
    if held is None:
        return cluster
    if held.revision != run.spec.target_revision:
        base = {"base_revision": held.revision, "base_outliers": held.outliers}
        return with_(cluster, **base, base_permitted=held.updated)
    if held.updated is None:
        return with_(cluster, state="Released", permitted=cluster.replicas)
    return with_(cluster, state="Releasing", permitted=held.updated, outliers=held.outliers)


def _counted(run: Run, cluster: RolloutCluster, sight: Sight) -> RolloutCluster:
    """Take more pods than were permitted as permitted: a Deployment that is scaled may round one up, and the
    pod of a node that a DaemonSet finds is new. Outliers that are gone are none any more.
    """
    if cluster.state != "Releasing" or not sight.current:
        return cluster
    outliers = cluster.outliers if sight.outliers is None else min(cluster.outliers, sight.outliers)
    permitted = max(cluster.permitted, min(sight.updated, cluster.replicas))
    return with_(cluster, permitted=permitted, outliers=outliers)


def _seen(run: Run, cluster: RolloutCluster, sight: Sight) -> RolloutCluster:
    if not sight.reachable:
        return with_(cluster, away_since=cluster.away_since or run.stamp())
    cluster = with_(cluster, away_since=None)
    if not sight.current:
        return cluster
    ours = permitted(run.spec, cluster).revision == run.spec.target_revision
    return with_(
        cluster,
        updated=sight.updated if ours else 0,
        updated_ready=sight.updated_ready if ours else 0,
        unavailable=max(0, cluster.replicas - sight.ready),
    )


def _resized(run: Run, cluster: RolloutCluster, replicas: int) -> RolloutCluster:
    """Carry permissions over to another number of replicas, as the cluster's own controller will do it."""
    former, resized = cluster.replicas, run.driver.resized
    if replicas == 0 and cluster.state == "Releasing":  # from 0 with the new template all would be new
        return with_(cluster, replicas=0, permitted=0, outliers=0, target=0, state="Stable")
    cluster = with_(cluster, replicas=replicas, target=in_proportion(cluster.target, former, replicas))
    if cluster.base_permitted is not None:
        base = resized(Part(cluster.base_permitted, cluster.base_outliers), former, replicas)
        cluster = with_(cluster, base_permitted=base.updated, base_outliers=base.outliers)
    if cluster.state == "Stable":
        return cluster
    part = resized(Part(cluster.permitted, cluster.outliers), former, replicas)
    return with_(cluster, permitted=part.updated, outliers=part.outliers)
