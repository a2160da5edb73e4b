"""Meeting: what is known of each cluster, brought up to date with what is seen of it."""

from __future__ import annotations

from policies.api.rollout import RolloutCluster
from policies.release.permission import permitted
from policies.release.state import Run, Sight, on_the_way, with_
from policies.workloads.driver import Part, in_proportion


def meet(run: Run) -> None:
    """Bring what is known of each cluster up to date; who left is let go, who came joins."""
    known = {cluster.name: cluster for cluster in run.before.clusters}
    for name, sight in run.sights.items():
        cluster = known.get(name) or _joined(run, name, sight)
        arrived = not _is_awaited(run, cluster, sight)
        if arrived and cluster.replicas == 0:
            cluster = _emptied(run, cluster, sight)
        if not arrived or sight.replicas in (cluster.replicas, None):
            cluster = _counted(run, cluster, sight)
        else:
            cluster = _resized(run, cluster, sight, sight.replicas or 0)
            if permitted(run.spec, cluster).part is not None:  # what is seen is of another number of pods
                sight = sight._replace(current=False)
                run.sights = {**run.sights, name: sight}
        run.clusters[name] = _seen(run, cluster, sight)
    if run.total("updated_ready") > run.before.updated_ready:
        run.progress_time = run.stamp()


def _joined(run: Run, name: str, sight: Sight) -> RolloutCluster:
    """Take in a cluster as it says it is: what it holds stands, also when our record of it was lost."""
    cluster, held = RolloutCluster(name=name, replicas=sight.replicas or 0), sight.holds
    if held is None:
        return cluster
    if held.revision != run.spec.target_revision:
        return _based(
            with_(cluster, base_revision=held.revision), held.part and run.driver.stopped(held.part)
        )
    if held.updated is None:
        return with_(cluster, state="Released", permitted=cluster.replicas)
    return with_(cluster, state="Releasing", permitted=held.updated, outliers=held.outliers)


def _is_awaited(run: Run, cluster: RolloutCluster, sight: Sight) -> bool:
    """Whether a cluster has yet to take in a part that is for so many replicas as it is to have by then.

    What becomes of the part when it is scaled is known of the number of replicas that it has, no other. One
    that is away keeps the number it had.
    """
    seen = sight.current and sight.reachable
    return permitted(run.spec, cluster).part is not None and not seen and sight.refused is None


def _counted(run: Run, cluster: RolloutCluster, sight: Sight) -> RolloutCluster:
    """Take pods that came of themselves as permitted, and those that can't come any more as not."""
    part = permitted(run.spec, cluster).part
    if not sight.current or part is None:
        return cluster
    part = run.driver.counted(part, min(sight.updated, cluster.replicas), sight.outliers)
    if cluster.state == "Stable":
        return _based(cluster, part)
    return with_(cluster, permitted=part.updated, outliers=part.outliers)


def _emptied(run: Run, cluster: RolloutCluster, sight: Sight) -> RolloutCluster:
    """Have a cluster that held a part and has no pods any more begin anew: all that come would be of it.

    Those that nodes have brought already are counted.
    """
    if permitted(run.spec, cluster).part is None or (run.driver.PER_NODE and sight.replicas):
        return cluster
    cluster = _based(with_(cluster, base_revision="", permitted=0, outliers=0), None)
    return with_(cluster, state="Stable")


def _based(cluster: RolloutCluster, part: Part | None) -> RolloutCluster:
    """Note how much of its base revision a cluster may hold; None for all."""
    if part is None:
        return with_(cluster, base_permitted=None, base_outliers=0)
    return with_(cluster, base_permitted=part.updated, base_outliers=part.outliers)


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


def _resized(run: Run, cluster: RolloutCluster, sight: Sight, replicas: int) -> RolloutCluster:
    """Carry permissions over to another number of replicas, as the cluster's own controller will do it."""
    former, back = cluster.replicas, min(sight.leaving, max(0, replicas - cluster.replicas))

    def resized(part: Part) -> Part:  # those that stay after all may be of it
        return run.driver.resized(Part(part.updated + back, part.outliers + back), former, replicas)

    cluster = with_(cluster, replicas=replicas, target=in_proportion(cluster.target, former, replicas))
    if cluster.base_permitted is not None:
        base = resized(Part(cluster.base_permitted, cluster.base_outliers))
        cluster = _based(cluster, base)
    if cluster.state == "Stable":
        return cluster
    part = resized(Part(cluster.permitted, cluster.outliers))
    proven = run.driver.resized(Part(cluster.updated_ready), former, replicas).updated  # these may go, too
    proven = min(proven, cluster.updated_ready)
    if run.driver.PER_NODE:  # what was taken down is on its way still, whichever pods went
        part = Part(max(part.updated, min(replicas, proven + on_the_way(cluster))))
    return with_(cluster, permitted=part.updated, outliers=part.outliers, updated_ready=proven)
