"""Rollback: every cluster returns to the stable revision, each within its own bound."""

from __future__ import annotations

from policies.api.rollout import RolloutCluster
from policies.release.permission import Permission, permitted
from policies.release.shares import round_up
from policies.release.state import Run, with_
from policies.verdicts import Verdict


def roll_back(run: Run, why: Verdict) -> None:
    """Return every cluster to the stable revision, each within its own bound."""
    for name, cluster in run.clusters.items():
        if cluster.state == "Restoring":
            if _is_back(run, name, cluster):
                run.clusters[name] = with_(cluster, state="Restored", max_unavailable=None)
        elif permitted(run.spec, cluster) != Permission(run.spec.stable_revision):
            limit = _may_fall(run, cluster)
            run.clusters[name] = with_(cluster, state="Restoring", max_unavailable=limit)
    on_the_way = [name for name, cluster in run.clusters.items() if not _is_restored(run, name, cluster)]
    run.say("RollingBack" if on_the_way else "RolledBack", why.reason, why.message)


def _may_fall(run: Run, cluster: RolloutCluster) -> int:
    """Broken pods of the bad revision go at once, they serve nobody; of the others only so many."""
    bound = max(1, round_up(run.spec.strategy.rollback.max_unavailable, cluster.replicas))
    if run.driver.BROKEN_BESIDE:
        return bound
    broken = max(0, max(cluster.permitted, cluster.updated) - cluster.updated_ready)
    return max(1, min(cluster.replicas, broken + bound))


def _is_back(run: Run, name: str, cluster: RolloutCluster) -> bool:
    sight = run.sights[name]
    seen = sight.reachable and sight.current
    return seen and min(sight.updated, sight.updated_ready) >= cluster.replicas


def _is_restored(run: Run, name: str, cluster: RolloutCluster) -> bool:
    if cluster.state == "Restored":
        return run.was(name, "Restored") and run.sights[name].current
    return cluster.state == "Stable" and permitted(run.spec, cluster) == Permission(run.spec.stable_revision)
