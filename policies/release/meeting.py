"""Meeting: what is known of each cluster, brought up to date with what is seen of it."""

from __future__ import annotations

from policies.api.rollout import RolloutCluster
from policies.release.permission import permitted
from policies.release.state import Run, Sight, with_


def meet(run: Run) -> None:
    """Bring what is known of each cluster up to date; who left is let go, who came joins."""
    known = {cluster.name: cluster for cluster in run.before.clusters}
    for name, sight in run.sights.items():
        cluster = known.get(name) or _joined(run, name, sight)
        if cluster.replicas == sight.replicas:
            cluster = _counted(run, cluster, sight)
        run.clusters[name] = _seen(run, _resized(cluster, sight.replicas), sight)
    if run.total("updated_ready") > run.before.updated_ready:
        run.progress_time = run.stamp()


def _joined(run: Run, name: str, sight: Sight) -> RolloutCluster:
    """Take in a cluster as it says it is: what it holds stands, also when our record of it was lost."""
    cluster, held = RolloutCluster(name=name, replicas=sight.replicas), sight.holds
    if held is None:
        return cluster
    if held.revision != run.spec.target_revision:
        return with_(cluster, base_revision=held.revision, base_permitted=held.updated)
    if held.updated is None:
        return with_(cluster, state="Released", permitted=sight.replicas)
    return with_(cluster, state="Releasing", permitted=held.updated)


def _counted(run: Run, cluster: RolloutCluster, sight: Sight) -> RolloutCluster:
    """Take more pods than were permitted as permitted: a Deployment that is scaled may round one up."""
    if cluster.state != "Releasing" or not sight.current:
        return cluster
    return with_(cluster, permitted=max(cluster.permitted, min(sight.updated, cluster.replicas)))


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
        unavailable=max(0, sight.replicas - sight.ready),
    )


def _resized(cluster: RolloutCluster, replicas: int) -> RolloutCluster:
    """Carry permissions over to another number of replicas, as the cluster's own controller will do it."""
    former = cluster.replicas
    if replicas == former:
        return cluster
    if replicas == 0 and cluster.state == "Releasing":  # from 0 with the new template all would be new
        return with_(cluster, replicas=0, permitted=0, target=0, state="Stable")
    base = cluster.base_permitted
    return with_(
        cluster,
        replicas=replicas,
        permitted=_scaled(cluster.permitted, former, replicas),
        target=_scaled(cluster.target, former, replicas),
        base_permitted=None if base is None else _scaled(base, former, replicas),
    )


def _scaled(count: int, former: int, replicas: int) -> int:
    """Return a count after scaling: down in proportion, rounded up; up as a Deployment's controller scales
    the new ReplicaSet with the others, rounded half up (measured on Kubernetes 1.36).
    """
    if former == 0:
        return 0
    if replicas < former:
        return -(-count * replicas // former)
    return min(replicas, (2 * count * replicas + former) // (2 * former))
