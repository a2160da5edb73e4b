"""Releasing: the steps of a run, one after the other, each in waves."""

from __future__ import annotations

from typing import Any

from policies.api.rollout import RolloutCluster, RolloutStepStatus
from policies.api.rollout_policy import RolloutStep
from policies.release.failing import fails, leave_out
from policies.release.shares import ordered, per_cluster, proportional, round_down, round_up
from policies.release.state import Run, Sight, on_the_way, with_
from policies.release.telling import named
from policies.release.waves import Berth, grants

_ALL = {"pods": "all pods of all clusters", "clusters": "all clusters"}


def release(run: Run) -> None:
    """Judge what is under way, and permit more where the bounds leave room."""
    retried = run.spec.retry > run.retries
    if retried or run.before.phase in ("Pending", "Paused", "Halted"):
        run.progress_time = run.stamp()
    run.retries = max(run.retries, run.spec.retry)
    leave_out(run, retried)
    if fails(run):
        return
    run.step = len(run.plan) if run.spec.promote else max(1, run.step)
    while _step_done(run):
        if run.step == len(run.plan):
            _finalize(run)
            return
        run.step += 1
        run.progress_time = run.stamp()


def _step_done(run: Run) -> bool:
    """Work on the present step; whether it is done."""
    step = run.plan[run.step - 1]
    _aim(run, step)
    _begin(run, step)
    waiting = [name for name in run.clusters if not run.reached(name)]
    if waiting:
        _note(run, ready_time=None)
        _permit(run)
        run.say("Releasing", "WaitingForPods", f"waiting for {named(waiting)}")
        return False
    ready_time = run.progress[-1].ready_time or run.stamp()
    _note(run, ready_time=ready_time)
    if run.spec.promote or run.progress[-1].finish_time:
        return True
    bake = max(step.bake_seconds, run.wish.min_ready_seconds)
    if (rest := bake - run.since(ready_time)) > 0:
        run.wake(rest)
        run.say("Baking", "Baking", f"step {run.step} is ready and bakes for {bake} s")
        return False
    if step.approval == "Manual" and run.spec.approved_step < run.step:
        run.say(
            "AwaitingApproval",
            "ApprovalRequired",
            f"step {run.step} is done; `atoll rollout approve` lets the next one begin",
        )
        return False
    _note(run, finish_time=run.stamp())
    return True


def _begin(run: Run, step: RolloutStep) -> None:
    while len(run.progress) < run.step:
        passed = run.plan[len(run.progress)]
        run.progress.append(RolloutStepStatus(name=passed.name, start_time=run.stamp()))
    _note(run, target=run.total("target"))


def _note(run: Run, **changes: Any) -> None:
    run.progress[-1] = with_(run.progress[-1], **changes)


def _aim(run: Run, step: RolloutStep) -> None:
    """Set the targets of the step: shares of the clusters in its scope, never less than before."""
    scope = run.wish.scopes[run.step - 1]
    within = {
        name: cluster
        for name, cluster in run.clusters.items()
        if (scope is None or name in scope) and not cluster.left_out
    }
    sizes = {name: cluster.replicas for name, cluster in within.items()}
    floors = {name: max(cluster.target, cluster.permitted) for name, cluster in within.items()}
    if run.spec.strategy.distribution == "PerCluster":
        shares = per_cluster(step.updated, sizes, floors)
    else:
        order = [name for name in run.order() if name in sizes]
        share = ordered if run.spec.strategy.distribution == "Ordered" else proportional
        shares = share(sizes, round_up(step.updated, sum(sizes.values())), floors, order)
    for name, target in shares.items():
        run.clusters[name] = with_(run.clusters[name], target=target)


def _permit(run: Run) -> None:
    strategy = run.spec.strategy
    given = grants(
        {name: _berth(run, name) for name in run.clusters},
        run.max_unavailable(),
        strategy.max_concurrent_clusters,
        run.order(),
        strategy.distribution == "Ordered",
    )
    for name, count in given.items():
        cluster = run.clusters[name]
        none = run.driver.NONE_FIRST and cluster.state == "Stable" and not _returns(cluster, run.sights[name])
        run.clusters[name] = with_(cluster, permitted=0 if none else count, state="Releasing")


def _returns(cluster: RolloutCluster, sight: Sight) -> bool:
    """Whether a cluster is on its way back: its pods that go come at the target, as the first permitted."""
    return cluster.base_permitted is None and sight.updated < cluster.replicas


def _berth(run: Run, name: str) -> Berth:
    cluster, sight = run.clusters[name], run.sights[name]
    out = bool(cluster.left_out) or cluster.state == "Released"
    whole, others_down = _is_whole(run, cluster, sight), _others_down(run, cluster, sight)
    return Berth(
        replicas=cluster.replicas,
        target=cluster.target,
        permitted=0 if out else cluster.permitted,
        proven=0 if out else cluster.updated_ready,
        others_down=0 if out else others_down,
        first_down=0 if out else _first_down(run, cluster, sight, others_down),
        limit=max(1, round_down(run.spec.strategy.max_unavailable_per_cluster, cluster.replicas)),
        open=sight.reachable and sight.current and whole and not out and sight.refused is None,
    )


def _is_whole(run: Run, cluster: RolloutCluster, sight: Sight) -> bool:
    """Whether a cluster has all its pods before it is given any of the target: pods that are missing then
    would come at the target, beside those that are permitted. So would those that still go.
    """
    if cluster.state != "Stable":
        return True
    begun = (cluster.base_permitted or 0) if run.driver.PER_NODE else 0
    return sight.total >= cluster.replicas and sight.updated >= min(begun, cluster.replicas)


def _others_down(run: Run, cluster: RolloutCluster, sight: Sight) -> int:
    """Return how many pods are down that the run did not touch, or may be by what was before it."""
    ours = on_the_way(cluster)
    if run.driver.SAME_FIRST:  # what goes may look ready still, while others are down
        missing = max(0, cluster.replicas - sight.total)
        ours = min(ours, missing + max(0, cluster.updated - cluster.updated_ready))
    seen = max(0, cluster.unavailable - ours)
    if cluster.state != "Stable":
        return seen
    if not sight.current:
        return max(seen, cluster.base_permitted or 0)
    base = cluster.replicas if cluster.base_permitted is None else cluster.base_permitted
    return max(seen, min(base, cluster.replicas) - sight.updated_ready)


def _first_down(run: Run, cluster: RolloutCluster, sight: Sight, others_down: int) -> int:
    """Return how many of the pods that are down are replaced before any that is ready.

    Where others may come first, that is so once all are down that are still to be replaced, or all that the
    revision before took.
    """
    by_kind = run.driver.BROKEN_FIRST and not sight.ordered
    if by_kind or others_down >= cluster.replicas - cluster.permitted:
        return others_down
    taken = max(0, (cluster.base_permitted or 0) - cluster.permitted)
    return taken if run.driver.SAME_FIRST and others_down >= taken else 0


def _finalize(run: Run) -> None:
    """Give the clusters their own strategies back; they hold the target revision already."""
    for name, cluster in run.clusters.items():
        begun = cluster.state == "Releasing" or not cluster.replicas  # where no pods are, none were released
        if begun and not cluster.left_out:
            run.clusters[name] = with_(cluster, state="Released")
    waiting = [name for name, cluster in run.clusters.items() if not _is_released(run, name, cluster)]
    left = [name for name, cluster in run.clusters.items() if cluster.left_out]
    if waiting:
        run.say("Finalizing", "RestoringStrategy", f"waiting for {named(waiting)}")
    elif left:
        run.say("Completed", "PartiallyReleased", f"released; left out: {named(left)}")
    else:
        run.say("Completed", "Released", f"{_ALL[run.driver.units]} are at the target revision")


def _is_released(run: Run, name: str, cluster: RolloutCluster) -> bool:
    if cluster.left_out or not cluster.replicas:
        return True
    return run.was(name, "Released") and run.sights[name].current
