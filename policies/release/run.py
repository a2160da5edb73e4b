"""Run: what a release does next, from what it did, what people want of it and what is seen of the clusters.

`advance` is called whenever any of these may have changed. It needs no memory but the status it returned
before: that is written to the host before any cluster may act on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from policies.api.meta import Model
from policies.api.rollout import (
    FailedPod,
    Phase,
    RolloutCluster,
    RolloutSpec,
    RolloutStatus,
    RolloutStepStatus,
)
from policies.api.rollout_policy import RolloutStep
from policies.observation import Stamp
from policies.release.permission import Permission, permitted
from policies.release.shares import ordered, per_cluster, proportional, round_down, round_up
from policies.release.telling import TERMINAL, conditions, named
from policies.release.waves import Berth, grants
from policies.verdicts import Verdict

M = TypeVar("M", bound=Model)
_FAILED_PODS_SHOWN, _REJECTED_KEPT = 20, 20
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Sight(NamedTuple):
    """What is seen of one cluster that the workload is placed on."""

    replicas: int
    """Pods wanted there."""
    reachable: bool = True
    holds: Permission | None = None
    """What its copy says it was permitted; None when there is no copy or it never was in a release."""
    current: bool = False
    """The copy holds what the run permits, and its controller has seen it: the counts speak of that."""
    total: int = 0
    """Pods there are."""
    ready: int = 0
    """Pods that are ready."""
    updated: int = 0
    """Pods of the revision that the copy holds."""
    updated_ready: int = 0
    """Pods of that revision that are ready, at least."""
    failed: tuple[FailedPod, ...] = ()
    """Pods of that revision that failed."""
    refused: Verdict | None = None
    """Why the cluster does not take what it is permitted, when trying again won't help."""


class Wish(NamedTuple):
    """What people want, beside the verbs of the run."""

    revision: str
    """The revision that the workload on the host is at."""
    scopes: Sequence[frozenset[str] | None]
    """For each of `steps` the clusters it is about; None for all."""


class Next(NamedTuple):
    """What `advance` says."""

    status: RolloutStatus
    look_again: float | None
    """Seconds until time alone changes something; None when only news does."""


def advance(
    spec: RolloutSpec,
    generation: int,
    before: RolloutStatus,
    wish: Wish,
    sights: Mapping[str, Sight],
    now: datetime,
) -> Next:
    """Return the next status of a run. Equal inputs give an equal status, also when only time has passed.

    :param before: the status that was written last; `Sight.current` speaks of what it permits.
    :param sights: one for every cluster the workload is placed on.
    """
    if before.phase in TERMINAL:
        return Next(before, None)
    run = _Run(spec, before, wish, sights, now)
    run.meet()
    newer = wish.revision not in (spec.target_revision, spec.stable_revision)
    if newer and spec.strategy.on_new_revision == "Reject":
        run.reject(wish.revision)
    if newer and spec.strategy.on_new_revision == "Supersede":
        run.say("Superseded", "NewRevision", f"the workload is at revision {wish.revision} now")
    elif before.phase == "RollingBack":
        run.roll_back(Verdict(before.reason, before.message))
    elif spec.abort == "Rollback":
        run.roll_back(Verdict("RolledBackByUser", "asked for by spec.abort: Rollback"))
    elif wish.revision == spec.stable_revision:
        run.roll_back(Verdict("Reverted", "the workload is back at its stable revision"))
    elif spec.abort == "Stop":
        run.say("Cancelled", "StoppedByUser", "spec.abort is Stop: every cluster stays as it is")
    elif before.phase == "Halted" and spec.retry <= before.retries and not spec.promote:
        run.stay()
    elif spec.paused:
        run.say("Paused", "PausedByUser", "nothing more is released; `atoll rollout resume` goes on")
    else:
        run.release()
    return Next(run.status(generation), run.look_again)


def steps(spec: RolloutSpec) -> tuple[RolloutStep, ...]:
    """Return the steps of a run; the last is always about all pods of all clusters."""
    strategy = spec.strategy
    if strategy.batches:
        shares = [-(-100 * i // strategy.batches) for i in range(1, strategy.batches + 1)]
        return tuple(RolloutStep(updated=f"{share}%") for share in shares)
    last = strategy.steps[-1] if strategy.steps else None
    if last is not None and last.clusters is None and last.updated == "100%":
        return tuple(strategy.steps)
    return (*strategy.steps, RolloutStep(name="rest", updated="100%"))


def decided(status: RolloutStatus) -> object:
    """Return what of a status clusters or people act on; the rest is what was seen of pods."""
    clusters = [with_(cluster, updated=0, updated_ready=0, unavailable=0) for cluster in status.clusters]
    return with_(
        status,
        updated=0,
        updated_ready=0,
        unavailable=0,
        message="",
        progress_time=None,
        conditions=[],
        clusters=clusters,
    )


@dataclass(slots=True)
class _Run:
    """One call of `advance`: the clusters and the outcome as they take shape."""

    spec: RolloutSpec
    before: RolloutStatus
    wish: Wish
    sights: Mapping[str, Sight]
    now: datetime
    plan: tuple[RolloutStep, ...] = ()
    clusters: dict[str, RolloutCluster] = field(default_factory=dict)
    progress: list[RolloutStepStatus] = field(default_factory=list)
    failed: tuple[FailedPod, ...] = ()
    step: int = 0
    progress_time: str | None = None
    retries: int = 0
    rejected: tuple[str, ...] = ()
    phase: Phase = "Pending"
    verdict: Verdict = field(default_factory=lambda: Verdict("", ""))
    look_again: float | None = None

    def __post_init__(self) -> None:
        before = self.before
        self.plan = steps(self.spec)
        self.step, self.progress = before.current_step, list(before.steps)
        self.progress_time, self.retries = before.progress_time, before.retries
        self.failed, self.rejected = tuple(before.failed_pods), tuple(before.rejected_revisions)

    # Seeing

    def meet(self) -> None:
        """Bring what is known of each cluster up to date; who left is let go, who came joins."""
        known = {cluster.name: cluster for cluster in self.before.clusters}
        for name, sight in self.sights.items():
            cluster = known.get(name) or self._joined(name, sight)
            if cluster.replicas == sight.replicas:
                cluster = self._counted(cluster, sight)
            self.clusters[name] = self._seen(_resized(cluster, sight.replicas), sight)
        if self._sum("updated_ready") > self.before.updated_ready:
            self.progress_time = self._stamp()

    def _joined(self, name: str, sight: Sight) -> RolloutCluster:
        """Take in a cluster as it says it is: what it holds stands, also when our record of it was lost."""
        cluster, held = RolloutCluster(name=name, replicas=sight.replicas), sight.holds
        if held is None:
            return cluster
        if held.revision != self.spec.target_revision:
            return with_(cluster, base_revision=held.revision, base_permitted=held.updated)
        if held.updated is None:
            return with_(cluster, state="Released", permitted=sight.replicas)
        return with_(cluster, state="Releasing", permitted=held.updated)

    def _counted(self, cluster: RolloutCluster, sight: Sight) -> RolloutCluster:
        """Take more pods than were permitted as permitted: a Deployment that is scaled may round one up."""
        if cluster.state != "Releasing" or not sight.current:
            return cluster
        return with_(cluster, permitted=max(cluster.permitted, min(sight.updated, cluster.replicas)))

    def _seen(self, cluster: RolloutCluster, sight: Sight) -> RolloutCluster:
        if not sight.reachable:
            return with_(cluster, away_since=cluster.away_since or self._stamp())
        cluster = with_(cluster, away_since=None)
        if not sight.current:
            return cluster
        ours = permitted(self.spec, cluster).revision == self.spec.target_revision
        return with_(
            cluster,
            updated=sight.updated if ours else 0,
            updated_ready=sight.updated_ready if ours else 0,
            unavailable=max(0, sight.replicas - sight.ready),
        )

    # Releasing

    def release(self) -> None:
        """Judge what is under way, and permit more where the bounds leave room."""
        retried = self.spec.retry > self.retries
        if retried or self.before.phase in ("Pending", "Paused", "Halted"):
            self.progress_time = self._stamp()
        self.retries = max(self.retries, self.spec.retry)
        self._leave_out(retried)
        if self._failing():
            return
        self.step = len(self.plan) if self.spec.promote else max(1, self.step)
        while self._step_done():
            if self.step == len(self.plan):
                self._finalize()
                return
            self.step += 1
            self.progress_time = self._stamp()

    def _step_done(self) -> bool:
        """Work on the present step; whether it is done."""
        step = self.plan[self.step - 1]
        self._aim(step)
        self._begin(step)
        waiting = [name for name in self.clusters if not self._reached(name)]
        if waiting:
            self._note(ready_time=None)
            self._permit()
            self.say("Releasing", "WaitingForPods", f"waiting for {named(waiting)}")
            return False
        ready_time = self.progress[-1].ready_time or self._stamp()
        self._note(ready_time=ready_time)
        if self.spec.promote or self.progress[-1].finish_time:
            return True
        if (rest := step.bake_seconds - self._since(ready_time)) > 0:
            self._wake(rest)
            self.say("Baking", "Baking", f"step {self.step} is ready and bakes for {step.bake_seconds} s")
            return False
        if step.approval == "Manual" and self.spec.approved_step < self.step:
            self.say(
                "AwaitingApproval",
                "ApprovalRequired",
                f"step {self.step} is done; `atoll rollout approve` lets the next one begin",
            )
            return False
        self._note(finish_time=self._stamp())
        return True

    def _begin(self, step: RolloutStep) -> None:
        while len(self.progress) < self.step:
            passed = self.plan[len(self.progress)]
            self.progress.append(RolloutStepStatus(name=passed.name, start_time=self._stamp()))
        self._note(target=self._sum("target"))

    def _note(self, **changes: Any) -> None:
        self.progress[-1] = with_(self.progress[-1], **changes)

    def _aim(self, step: RolloutStep) -> None:
        """Set the targets of the step: shares of the clusters in its scope, never less than before."""
        scope = self.wish.scopes[self.step - 1]
        within = {
            name: cluster
            for name, cluster in self.clusters.items()
            if (scope is None or name in scope) and not cluster.left_out
        }
        sizes = {name: cluster.replicas for name, cluster in within.items()}
        floors = {name: max(cluster.target, cluster.permitted) for name, cluster in within.items()}
        if self.spec.strategy.distribution == "PerCluster":
            shares = per_cluster(step.updated, sizes, floors)
        else:
            order = [name for name in self._order() if name in sizes]
            share = ordered if self.spec.strategy.distribution == "Ordered" else proportional
            shares = share(sizes, round_up(step.updated, sum(sizes.values())), floors, order)
        for name, target in shares.items():
            self.clusters[name] = with_(self.clusters[name], target=target)

    def _order(self) -> list[str]:
        first = [name for name in self.spec.strategy.cluster_order if name in self.clusters]
        return [*first, *sorted(self.clusters.keys() - set(first))]

    def _reached(self, name: str) -> bool:
        """Whether a cluster has what the step wants of it, proven by what is seen now."""
        cluster, sight = self.clusters[name], self.sights[name]
        if cluster.left_out or cluster.target == 0 or cluster.state == "Released":
            return True
        return (
            cluster.permitted >= cluster.target
            and sight.reachable
            and sight.current
            and sight.updated >= cluster.target
            and sight.updated_ready + min(len(sight.failed), self._tolerated()) >= cluster.target
        )

    def _permit(self) -> None:
        strategy = self.spec.strategy
        given = grants(
            {name: self._berth(name) for name in self.clusters},
            self._max_unavailable(),
            strategy.max_concurrent_clusters,
            self._order(),
            strategy.distribution == "Ordered",
        )
        for name, count in given.items():
            self.clusters[name] = with_(self.clusters[name], permitted=count, state="Releasing")

    def _berth(self, name: str) -> Berth:
        cluster, sight = self.clusters[name], self.sights[name]
        out = bool(cluster.left_out) or cluster.state == "Released"
        whole = (
            sight.total >= cluster.replicas or cluster.state != "Stable"
        )  # the stable revision comes first
        return Berth(
            replicas=cluster.replicas,
            target=cluster.target,
            permitted=0 if out else cluster.permitted,
            proven=0 if out else cluster.updated_ready,
            others_down=0 if out else self._others_down(cluster, sight),
            limit=max(1, round_down(self.spec.strategy.max_unavailable_per_cluster, cluster.replicas)),
            open=sight.reachable and sight.current and whole and not out and sight.refused is None,
        )

    def _others_down(self, cluster: RolloutCluster, sight: Sight) -> int:
        """Return how many pods are down that the run did not touch, or may be by what was before it."""
        seen = max(0, cluster.unavailable - max(0, cluster.permitted - cluster.updated_ready))
        if cluster.state != "Stable":
            return seen
        if not sight.current:
            return max(seen, cluster.base_permitted or 0)
        base = cluster.replicas if cluster.base_permitted is None else cluster.base_permitted
        return max(seen, min(base, cluster.replicas) - sight.updated_ready)

    def _max_unavailable(self) -> int:
        """Return how many pods may be down at a time: as set, else what the largest step adds; 1 at least."""
        replicas = self._sum("replicas")
        if (limit := self.spec.strategy.max_unavailable) is not None:
            return max(1, round_down(limit, replicas))
        counts = [0, *(round_up(step.updated, replicas) for step in self.plan)]
        return max(1, *(after - before for before, after in pairwise(counts)))

    def _finalize(self) -> None:
        """Give the clusters their own strategies back; they hold the target revision already."""
        for name, cluster in self.clusters.items():
            if cluster.state == "Releasing" and not cluster.left_out:
                self.clusters[name] = with_(cluster, state="Released")
        waiting = [name for name, cluster in self.clusters.items() if not self._is_released(name, cluster)]
        left = [name for name, cluster in self.clusters.items() if cluster.left_out]
        if waiting:
            self.say("Finalizing", "RestoringStrategy", f"waiting for {named(waiting)}")
        elif left:
            self.say("Completed", "PartiallyReleased", f"released; left out: {named(left)}")
        else:
            self.say("Completed", "Released", "all pods of all clusters are at the target revision")

    def _is_released(self, name: str, cluster: RolloutCluster) -> bool:
        if cluster.left_out or not cluster.replicas:
            return True
        return self._was(name, "Released") and self.sights[name].current

    def _was(self, name: str, state: str) -> bool:
        return any(cluster.name == name and cluster.state == state for cluster in self.before.clusters)

    # Failing

    def _leave_out(self, retried: bool) -> None:
        """Say who is left out, and take back in who no longer has to be."""
        for name, cluster in self.clusters.items():
            left_out = cluster.left_out
            if name in self.spec.skip_clusters:
                left_out = "Skipped"
            elif (left_out == "Failed" and retried) or (left_out == "Skipped" and not cluster.away_since):
                left_out = ""
            elif (
                not left_out
                and self.spec.strategy.unreachable.policy == "SkipCluster"
                and self._lost(cluster)
            ):
                left_out = "Skipped"
            self.clusters[name] = with_(cluster, left_out=left_out)

    def _lost(self, cluster: RolloutCluster) -> bool:
        """Whether a cluster has been away for longer than the strategy waits."""
        if cluster.away_since is None:
            return False
        return self._passed(cluster.away_since, self.spec.strategy.unreachable.grace_seconds)

    def _failing(self) -> bool:
        """Act on what failed if it is more than the budget; whether that ends the releasing."""
        strategy, failed = self.spec.strategy, self._failed_clusters()
        self.failed = self._failed_pods()
        verdict = None
        if len(self.failed) > (tolerated := self._tolerated()):
            first = self.failed[0]
            verdict = Verdict(
                "PodsFailed",
                f"failed pods of the new revision: {len(self.failed)} (tolerated: {tolerated}), the first "
                f"is {first.pod} in cluster {first.cluster}: {first.reason}",
            )
            failed |= {pod.cluster: verdict for pod in self.failed}
        elif len(failed) > strategy.failure_budget.clusters:
            verdict = failed[min(failed)]
        if strategy.on_failure == "Continue" or verdict is None:
            for name in failed:
                self.clusters[name] = with_(self.clusters[name], left_out="Failed")
            return False
        if strategy.on_failure == "Rollback":
            self.roll_back(verdict)
        else:
            self.say("Halted", verdict.reason, f"{verdict.message}; {_AFTER_A_HALT}")
        return True

    def _tolerated(self) -> int:
        return round_down(self.spec.strategy.failure_budget.pods, self._sum("target"))

    def _failed_pods(self) -> tuple[FailedPod, ...]:
        """Return the failed pods of the new revision; after a retry they have the time of a new pod."""
        timeout = self.spec.strategy.pod_failure.ready_timeout_seconds
        if self.retries and self.progress_time and not self._passed(self.progress_time, timeout):
            return ()
        return tuple(
            pod
            for name, sight in sorted(self.sights.items())
            if self.clusters[name].state == "Releasing" and not self.clusters[name].left_out and sight.current
            for pod in sight.failed
        )

    def _failed_clusters(self) -> dict[str, Verdict]:
        failed: dict[str, Verdict] = {}
        for name, cluster in self.clusters.items():
            if cluster.left_out:
                continue
            refused = self.sights[name].refused
            if refused is not None and cluster.state == "Releasing":
                failed[name] = refused
            elif self.spec.strategy.unreachable.policy == "Fail" and self._lost(cluster):
                failed[name] = Verdict("ClusterUnreachable", f"cluster {name} can't be reached")
            elif self._late(name):
                failed[name] = Verdict(
                    "ProgressDeadlineExceeded",
                    f"cluster {name}: no pod of the new revision became ready for "
                    f"{self.spec.strategy.progress_deadline_seconds} s",
                )
        return failed

    def _late(self, name: str) -> bool:
        """Whether a cluster let the deadline pass; one that is away is not late but lost."""
        if self.before.phase != "Releasing" or self.progress_time is None:
            return False
        if self._reached(name) or self.clusters[name].away_since:
            return False
        return self._passed(self.progress_time, self.spec.strategy.progress_deadline_seconds)

    def reject(self, revision: str) -> None:
        """Note a revision that is not to be released."""
        if revision not in self.rejected:
            self.rejected = (*self.rejected, revision)[-_REJECTED_KEPT:]

    def stay(self) -> None:
        """Remain as it is: only what is seen of the clusters changes."""
        self.say(self.before.phase, self.before.reason, self.before.message)

    # Going back

    def roll_back(self, why: Verdict) -> None:
        """Return every cluster to the stable revision, each within its own bound."""
        for name, cluster in self.clusters.items():
            if cluster.state == "Restoring":
                if self._is_back(name, cluster):
                    self.clusters[name] = with_(cluster, state="Restored", max_unavailable=None)
            elif permitted(self.spec, cluster) != Permission(self.spec.stable_revision):
                limit = self._may_fall(cluster)
                self.clusters[name] = with_(cluster, state="Restoring", max_unavailable=limit)
        on_the_way = [name for name, cluster in self.clusters.items() if not self._is_restored(name, cluster)]
        self.say("RollingBack" if on_the_way else "RolledBack", why.reason, why.message)

    def _may_fall(self, cluster: RolloutCluster) -> int:
        """Broken pods of the bad revision go at once, they serve nobody; of the others only so many."""
        broken = max(0, max(cluster.permitted, cluster.updated) - cluster.updated_ready)
        bound = max(1, round_up(self.spec.strategy.rollback.max_unavailable, cluster.replicas))
        return max(1, min(cluster.replicas, broken + bound))

    def _is_back(self, name: str, cluster: RolloutCluster) -> bool:
        sight = self.sights[name]
        seen = sight.reachable and sight.current
        return seen and min(sight.updated, sight.updated_ready) >= cluster.replicas

    def _is_restored(self, name: str, cluster: RolloutCluster) -> bool:
        if cluster.state == "Restored":
            return self._was(name, "Restored") and self.sights[name].current
        return cluster.state == "Stable" and permitted(self.spec, cluster) == Permission(
            self.spec.stable_revision
        )

    # Telling

    def say(self, phase: Phase, reason: str, message: str) -> None:
        self.phase, self.verdict = phase, Verdict(reason, message)

    def _sum(self, count: str) -> int:
        return sum(getattr(cluster, count) for cluster in self.clusters.values())

    def _stamp(self) -> str:
        return self.now.strftime(_TIME)

    def _since(self, stamp: str) -> float:
        return (self.now - datetime.strptime(stamp, _TIME).replace(tzinfo=UTC)).total_seconds()

    def _passed(self, since: str, seconds: int) -> bool:
        """Whether so many seconds have passed; if not, there is another look when they have."""
        if (rest := seconds - self._since(since)) > 0:
            self._wake(rest)
        return rest <= 0

    def _wake(self, seconds: float) -> None:
        self.look_again = seconds if self.look_again is None else min(self.look_again, seconds)

    def status(self, generation: int) -> RolloutStatus:
        """Return what is written to the host."""
        return RolloutStatus(
            observed_generation=generation,
            phase=self.phase,
            reason=self.verdict.reason,
            message=self.verdict.message,
            start_time=self.before.start_time or self._stamp(),
            progress_time=self.progress_time,
            end_time=self._stamp() if self.phase in TERMINAL else None,
            current_step=self.step,
            total_steps=len(self.plan),
            step=f"{self.step}/{len(self.plan)}",
            retries=self.retries,
            rejected_revisions=list(self.rejected),
            replicas=self._sum("replicas"),
            target=self._sum("target"),
            permitted=self._sum("permitted"),
            updated=self._sum("updated"),
            updated_ready=self._sum("updated_ready"),
            unavailable=self._sum("unavailable"),
            max_unavailable=self._max_unavailable(),
            clusters=[self.clusters[name] for name in sorted(self.clusters)],
            steps=self.progress,
            failed_pods=list(self.failed[:_FAILED_PODS_SHOWN]),
            conditions=conditions(
                self.before.conditions, self.phase, self.verdict, Stamp(generation, self._stamp())
            ),
        )


_AFTER_A_HALT = (
    "nothing more is released: mend it and run `atoll rollout retry`, or `atoll rollout abort --rollback`"
)


def with_(model: M, **changes: Any) -> M:
    """Return the model with some fields changed; the same object if none differs."""
    if all(getattr(model, name) == value for name, value in changes.items()):
        return model
    return model.model_copy(update=changes)


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
