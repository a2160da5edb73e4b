"""Failing: who is left out, what failed, and what becomes of the run then."""

from __future__ import annotations

from policies.api.rollout import FailedPod, RolloutCluster
from policies.release.rollback import roll_back
from policies.release.state import Run, on_the_way, with_
from policies.verdicts import Verdict

_AFTER_A_HALT = (
    "nothing more is released: mend it and run `atoll rollout retry`, or `atoll rollout abort --rollback`"
)


def leave_out(run: Run, retried: bool) -> None:
    """Say who is left out, and take back in who no longer has to be."""
    for name, cluster in run.clusters.items():
        left_out = cluster.left_out
        if name in run.spec.skip_clusters:
            left_out = "Skipped"
        elif (left_out == "Failed" and retried) or (left_out == "Skipped" and _may_return(run, cluster)):
            left_out = ""
        elif not left_out and run.spec.strategy.unreachable.policy == "SkipCluster" and _lost(run, cluster):
            left_out = "Skipped"
        run.clusters[name] = with_(cluster, left_out=left_out)


def _may_return(run: Run, cluster: RolloutCluster) -> bool:
    """Whether a cluster that is there again finds room for what it was permitted before: where it is we who
    delete pods, that goes on from now on.
    """
    if cluster.away_since:
        return False
    by_us = run.driver.DELETES and run.driver.PER_NODE
    releasing = [each for each in run.clusters.values() if each.state == "Releasing"]
    others = sum(on_the_way(each) for each in releasing if not each.left_out)
    own = sum(on_the_way(each) for each in releasing if each.name == cluster.name)
    return not by_us or not others or others + own <= run.max_unavailable()


def fails(run: Run) -> bool:
    """Act on what failed if it is more than the budget; whether that ends the releasing."""
    strategy, failed = run.spec.strategy, _failed_clusters(run)
    run.failed = _failed_pods(run)
    verdict = None
    if len(run.failed) > (tolerated := run.tolerated()):
        first = run.failed[0]
        verdict = Verdict(
            "PodsFailed",
            f"failed pods of the new revision: {len(run.failed)} (tolerated: {tolerated}), the first "
            f"is {first.pod} in cluster {first.cluster}: {first.reason}",
        )
        failed |= {pod.cluster: verdict for pod in run.failed}
    elif len(failed) > strategy.failure_budget.clusters:
        verdict = failed[min(failed)]
    if strategy.on_failure == "Continue" or verdict is None:
        for name in failed:
            run.clusters[name] = with_(run.clusters[name], left_out="Failed")
        return False
    if strategy.on_failure == "Rollback":
        roll_back(run, verdict)
    else:
        run.say("Halted", verdict.reason, f"{verdict.message}; {_AFTER_A_HALT}")
    return True


def _failed_pods(run: Run) -> tuple[FailedPod, ...]:
    """Return the failed pods of the new revision; after a retry they have the time of a new pod."""
    timeout = run.spec.strategy.pod_failure.ready_timeout_seconds
    if run.retries and run.progress_time and not run.passed(run.progress_time, timeout):
        return ()
    return tuple(
        pod
        for name, sight in sorted(run.sights.items())
        if run.clusters[name].state == "Releasing" and not run.clusters[name].left_out and sight.current
        for pod in sight.failed
    )


def _failed_clusters(run: Run) -> dict[str, Verdict]:
    failed: dict[str, Verdict] = {}
    for name, cluster in run.clusters.items():
        if cluster.left_out:
            continue
        refused = run.sights[name].refused
        if refused is not None and cluster.state == "Releasing":
            failed[name] = refused
        elif run.spec.strategy.unreachable.policy == "Fail" and _lost(run, cluster):
            failed[name] = Verdict("ClusterUnreachable", f"cluster {name} can't be reached")
        elif _late(run, name):
            failed[name] = Verdict(
                "ProgressDeadlineExceeded",
                f"cluster {name}: nothing of the new revision became ready for "
                f"{run.spec.strategy.progress_deadline_seconds} s",
            )
    return failed


def _late(run: Run, name: str) -> bool:
    """Whether a cluster let the deadline pass; one that is away is not late but lost."""
    if run.before.phase != "Releasing" or run.progress_time is None:
        return False
    if run.reached(name) or run.clusters[name].away_since:
        return False
    return run.passed(run.progress_time, run.spec.strategy.progress_deadline_seconds)


def _lost(run: Run, cluster: RolloutCluster) -> bool:
    """Whether a cluster has been away for longer than the strategy waits."""
    if cluster.away_since is None:
        return False
    return run.passed(cluster.away_since, run.spec.strategy.unreachable.grace_seconds)
