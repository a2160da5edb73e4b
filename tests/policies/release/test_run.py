"""What a release does next: every phase, and every way out of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies.api.rollout import FailedPod, RolloutSpec, RolloutStatus
from policies.release.permission import Permission, heard, permitted
from policies.release.run import advance
from policies.release.state import Sight, Wish, steps
from policies.verdicts import Verdict

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WORKLOAD = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": "web"}
PER_NODE = {"workloadRef": WORKLOAD | {"kind": "DaemonSet", "plural": "daemonsets"}}
BY_NAME = {"workloadRef": PER_NODE["workloadRef"] | {"apiVersion": "apps.kruise.io/v1beta1"}}
"""Of which those pods go first that the revision before took, and others than those that are down."""
CRASH = FailedPod(cluster="a", pod="web-1", reason="CrashLoopBackOff")


def spec(verbs: dict[str, Any] | None = None, **strategy: Any) -> RolloutSpec:
    strategy = strategy if "batches" in strategy else {"steps": [{"updated": "100%"}]} | strategy
    run = {"workloadRef": WORKLOAD, "targetRevision": "v2", "stableRevision": "v1", "strategy": strategy}
    return RolloutSpec.model_validate(run | (verbs or {}))


class Play:
    """A run whose clusters do at once what they may, unless told otherwise."""

    def __init__(self, run: RolloutSpec, sizes: dict[str, int]) -> None:
        self.run, self.sizes, self.now = run, sizes, NOW
        self.status = RolloutStatus()
        self.revision, self.min_ready_seconds, self.governed = run.target_revision, 0, True
        self.suspended: Verdict | None = None
        self.special: dict[str, dict[str, Any]] = {}
        self.look_again: float | None = None

    def steer(self, **verbs: Any) -> None:
        self.run = self.run.model_copy(update=verbs)

    def see(self, cluster: str, **differently: Any) -> None:
        self.special[cluster] = differently

    def look(self, times: int = 1, seconds: float = 0) -> RolloutStatus:
        for _ in range(times):
            self.now += timedelta(seconds=seconds)
            sights = {name: self._sight(name) for name in self.sizes}
            scopes = [None] * len(steps(self.run))
            wish = Wish(self.revision, scopes, self.min_ready_seconds, self.governed, self.suspended)
            found = advance(self.run, 1, self.status, wish, sights, self.now)
            self.status, self.look_again = found.status, found.look_again
        return self.status

    def _sight(self, name: str) -> Sight:
        size, cluster = self.sizes[name], self.cluster(name)
        may = permitted(self.run, cluster) if cluster else Permission("v1")
        updated = size if may.updated is None else may.updated
        sight = Sight(size, True, None, True, size, size, updated, updated)
        return sight._replace(**self.special.get(name, {}))

    def cluster(self, name: str) -> Any:
        return next((each for each in self.status.clusters if each.name == name), None)

    def may(self, name: str) -> Permission:
        return permitted(self.run, self.cluster(name))


def stuck(play: Play, cluster: str = "a", **more: Any) -> None:
    """Let no new pod of a cluster become ready."""
    play.see(cluster, updated_ready=0, ready=play.sizes[cluster] - 1, **more)


def test_a_run_goes_through_its_steps_to_the_end() -> None:
    play = Play(spec(steps=[{"updated": "20%"}, {"updated": "100%"}]), {"a": 5, "b": 5})
    play.look(12)
    assert (play.status.phase, play.status.reason) == ("Completed", "Released")
    assert [step.target for step in play.status.steps] == [2, 10]
    assert play.may("a") == Permission("v2")


def test_nothing_is_permitted_before_the_step_before_is_ready() -> None:
    play = Play(spec(steps=[{"updated": 1}, {"updated": "100%"}]), {"a": 5})
    play.look()
    stuck(play)
    assert play.look(3).permitted == 1


def test_no_step_is_done_by_what_a_cluster_had_before_it_was_scaled() -> None:
    play = Play(spec(steps=[{"updated": "50%", "bakeSeconds": 9}, {"updated": "100%"}]), {"a": 10})
    assert play.look(3).phase == "Baking"
    play.sizes["a"] = 4
    play.see("a", updated=5, updated_ready=5)
    assert (play.look().reason, play.status.target) == ("WaitingForPods", 2)


def test_a_cluster_that_does_not_hold_what_it_may_is_given_nothing() -> None:
    play = Play(spec(maxUnavailable=2), {"a": 5})
    play.see("a", current=False)
    assert play.look(2).permitted == 0


def test_the_stable_revision_comes_first_where_pods_are_missing() -> None:
    play = Play(spec(), {"a": 5})
    play.see("a", total=0, ready=0)
    assert play.look(2).permitted == 0


def test_what_is_down_is_not_mended_for_nothing_where_other_pods_may_go_first() -> None:
    for ordered, allowed in ((False, 2), (True, 0)):
        play = Play(spec(maxUnavailable=2), {"a": 5})
        play.see("a", ready=3, updated_ready=3, ordered=ordered)
        assert play.look().permitted == allowed


def test_a_step_bakes_as_long_as_it_says() -> None:
    play = Play(spec(steps=[{"updated": 1, "bakeSeconds": 60}, {"updated": "100%"}]), {"a": 5})
    assert play.look(2).phase == "Baking"
    assert play.look_again == 60
    assert play.look(seconds=59).phase == "Baking"
    assert play.look(seconds=1).current_step == 2


def test_a_step_bakes_as_long_as_the_workload_itself_wants_its_pods_ready() -> None:
    play = Play(spec(steps=[{"updated": 1}, {"updated": "100%"}]), {"a": 5})
    play.min_ready_seconds = 30
    assert play.look(2).phase == "Baking"
    assert play.look_again == 30


def test_pods_that_fail_while_a_step_bakes_start_the_bake_anew() -> None:
    play = Play(spec(steps=[{"updated": 1, "bakeSeconds": 60}, {"updated": "100%"}]), {"a": 5})
    play.look(2)
    stuck(play)
    assert play.look(seconds=30).phase == "Releasing"
    play.see("a")
    assert play.look(seconds=30).phase == "Baking"
    assert play.look_again == 60


def test_a_step_waits_for_approval_once() -> None:
    play = Play(spec(steps=[{"updated": 1, "approval": "Manual"}, {"updated": "100%"}]), {"a": 5})
    assert play.look(3).phase == "AwaitingApproval"
    play.steer(approved_step=1)
    assert play.look().current_step == 2
    assert play.look(4).phase == "Completed"


def test_a_pause_permits_nothing_and_ends() -> None:
    play = Play(spec(batches=5), {"a": 10})
    play.look()
    play.steer(paused=True)
    before = play.look().permitted
    assert play.look(3).permitted == before
    assert play.status.phase == "Paused"
    play.steer(paused=False)
    assert play.look(15).phase == "Completed"


def test_without_its_policy_a_run_holds_until_there_is_one_again() -> None:
    play = Play(spec(batches=5), {"a": 10})
    play.look()
    play.governed = False
    before = play.look().permitted
    assert play.look(5).permitted == before
    assert (play.status.phase, play.status.reason) == ("Paused", "PolicyMissing")
    play.governed = True
    assert play.look(15).phase == "Completed"


@pytest.mark.parametrize("policy", ["Wait", "SkipCluster", "Fail"])
def test_while_nothing_may_be_written_a_run_holds_and_no_time_counts_against_it(policy: str) -> None:
    play = Play(spec(batches=5, unreachable={"policy": policy, "graceSeconds": 60}), {"a": 10, "b": 10})
    play.look()
    play.suspended = Verdict("Suspended", "PropagationPolicy shop/all suspends writes to all clusters")
    for name in ("a", "b"):
        play.see(name, reachable=False)
    before = play.look().permitted
    assert play.look(5, seconds=900).permitted == before
    assert (play.status.phase, play.status.reason) == ("Paused", "Suspended")
    assert play.status.message == play.suspended.message
    play.suspended, play.special = None, {}
    assert play.look(15).phase == "Completed"
    assert [cluster.left_out for cluster in play.status.clusters] == ["", ""]


def test_promotion_leaves_out_steps_bakes_and_approvals() -> None:
    waits = {"bakeSeconds": 600, "approval": "Manual"}
    play = Play(spec(steps=[{"updated": 1, **waits}, {"updated": 2, **waits}, {"updated": "100%"}]), {"a": 5})
    play.look(2)
    play.steer(promote=True)
    assert play.look(8).phase == "Completed"


@pytest.mark.parametrize(
    ("on_failure", "phase"), [("Halt", "Halted"), ("Rollback", "RollingBack"), ("Continue", "Completed")]
)
def test_failed_pods_beyond_the_budget_end_it_as_the_strategy_says(on_failure: str, phase: str) -> None:
    play = Play(spec(steps=[{"updated": "50%"}, {"updated": "100%"}], onFailure=on_failure), {"a": 4, "b": 4})
    play.look()
    stuck(play, failed=(CRASH,))
    play.look(2 if phase == "RollingBack" else 8)
    assert play.status.phase == phase
    if phase == "Halted":
        assert play.status.reason == "PodsFailed"
        assert "web-1 in cluster a: CrashLoopBackOff" in play.status.message
        assert "retry" in play.status.message


def test_pods_within_the_budget_do_not_stop_a_release() -> None:
    play = Play(spec(steps=[{"updated": "100%"}], failureBudget={"pods": "50%"}), {"a": 4})
    play.look()
    play.see("a", updated_ready=3, ready=3, failed=(CRASH,))
    assert play.look(5).phase == "Completed"


def test_a_deadline_halts_and_a_retry_gives_new_time() -> None:
    play = Play(spec(progressDeadlineSeconds=60), {"a": 4})
    play.look()
    stuck(play)
    assert play.look(2, seconds=59).phase == "Halted"
    assert play.status.reason == "ProgressDeadlineExceeded"
    assert play.look(5, seconds=600).phase == "Halted"
    play.steer(retry=1)
    assert play.look().phase == "Releasing"
    play.see("a")
    assert play.look(5).phase == "Completed"


def test_a_halt_permits_nothing() -> None:
    play = Play(spec(batches=4, progressDeadlineSeconds=10), {"a": 4, "b": 4})
    play.look()
    stuck(play)
    before = play.look(2, seconds=11).permitted
    play.see("a")
    assert play.look(5).permitted == before


def test_a_rollback_returns_every_cluster_and_leaves_the_untouched_alone() -> None:
    play = Play(
        spec(steps=[{"updated": "50%"}, {"updated": "100%"}], distribution="Ordered"), {"a": 4, "b": 4}
    )
    play.look(2)
    play.steer(abort="Rollback")
    play.look()
    assert play.may("a").revision == "v1"
    assert play.may("a").max_unavailable
    assert play.cluster("b").state == "Stable"
    assert play.look(4).phase == "RolledBack"
    assert play.may("a") == Permission("v1")


def test_a_rollback_takes_broken_pods_at_once_and_of_the_others_a_quarter() -> None:
    play = Play(spec(maxUnavailablePerCluster="100%"), {"a": 8})
    play.look()
    play.see("a", updated=8, updated_ready=3, ready=3)
    play.look()
    play.steer(abort="Rollback")
    play.look()
    assert play.may("a").max_unavailable == 5 + 2


def test_where_broken_pods_go_beside_the_bound_a_rollback_lets_no_others_go_for_them() -> None:
    play = Play(spec(PER_NODE, maxUnavailablePerCluster="100%"), {"a": 8})
    play.look()
    play.see("a", updated=8, updated_ready=3, ready=3)
    play.look()
    play.steer(abort="Rollback")
    play.look()
    assert play.may("a").max_unavailable == 2


def test_the_stable_revision_on_the_host_is_a_rollback() -> None:
    play = Play(spec(batches=2), {"a": 4})
    play.look()
    play.revision = "v1"
    assert (play.look().phase, play.status.reason) == ("RollingBack", "Reverted")
    assert play.look(4).phase == "RolledBack"


def test_another_revision_on_the_host_supersedes() -> None:
    play = Play(spec(batches=2), {"a": 4})
    play.look()
    play.revision = "v3"
    assert play.look().phase == "Superseded"


@pytest.mark.parametrize(("then", "noted"), [("Queue", []), ("Reject", ["v3"])])
def test_another_revision_waits_or_is_refused_if_the_strategy_says_so(then: str, noted: list[str]) -> None:
    play = Play(spec(batches=2, onNewRevision=then), {"a": 4})
    play.look()
    play.revision = "v3"
    assert play.look(10).phase == "Completed"
    assert play.may("a") == Permission("v2")
    assert play.status.rejected_revisions == noted


def test_a_run_takes_clusters_in_as_they_say_they_are() -> None:
    play = Play(spec(batches=2), {"a": 4, "b": 4})
    play.see("a", holds=Permission("v0", 2), current=False)
    play.see("b", holds=Permission("v2", 3), current=False)
    play.look()
    assert play.may("a") == Permission("v0", 2, replicas=4)
    assert play.may("b") == Permission("v2", 3, replicas=4)


def test_stopping_leaves_every_cluster_as_it_is() -> None:
    play = Play(spec(batches=4), {"a": 4})
    play.look()
    may = play.may("a")
    play.steer(abort="Stop")
    assert play.look(3).phase == "Cancelled"
    assert play.may("a") == may


@pytest.mark.parametrize(
    ("policy", "phase"), [("Wait", "Releasing"), ("SkipCluster", "Completed"), ("Fail", "Halted")]
)
def test_a_cluster_out_of_reach_is_waited_for_left_out_or_a_failure(policy: str, phase: str) -> None:
    play = Play(spec(unreachable={"policy": policy, "graceSeconds": 60}), {"a": 4, "b": 4})
    play.see("a", reachable=False)
    play.look(5)
    assert play.status.phase == "Releasing"
    assert play.look(5, seconds=61).phase == phase
    if phase == "Completed":
        assert play.status.reason == "PartiallyReleased"


def test_daemonsets_that_come_back_go_on_once_there_is_room_for_what_was_permitted() -> None:
    strategy = {"maxUnavailable": 2, "unreachable": {"policy": "SkipCluster", "graceSeconds": 60}}
    play = Play(spec(PER_NODE, **strategy), {"a": 4, "b": 4})
    play.look()
    assert [play.may(name).updated for name in "ab"] == [1, 1]
    play.see("a", reachable=False, updated=0, updated_ready=0, ready=3)
    play.see("b", updated=0, updated_ready=0, ready=3)
    play.look(2, seconds=61)
    assert play.may("b").updated == 2, "nothing is down in a cluster that is left out"
    play.see("a", updated=0, updated_ready=0, ready=3)
    play.look()
    assert play.cluster("a").left_out == "Skipped", "two are on their way, one more was permitted"
    play.see("b", updated=2, updated_ready=1)
    play.look()
    assert play.cluster("a").left_out == ""


def test_scaling_carries_the_permission_over_in_the_same_status() -> None:
    play = Play(spec(steps=[{"updated": "40%", "approval": "Manual"}, {"updated": "100%"}]), {"a": 20})
    play.look(4)
    assert play.may("a") == Permission("v2", 8, replicas=20)
    play.sizes["a"] = 24
    play.look()
    assert play.may("a") == Permission("v2", 10, replicas=24)
    play.sizes["a"] = 8
    play.look()
    assert play.may("a") == Permission("v2", 4, replicas=8)


def test_a_cluster_scaled_to_nothing_begins_again_at_the_stable_revision_once_it_is_empty() -> None:
    play = Play(spec(steps=[{"updated": "40%", "approval": "Manual"}, {"updated": "100%"}]), {"a": 10})
    play.look(3)
    play.sizes["a"] = 0
    play.look()
    play.see("a", current=False)
    play.sizes["a"] = 10
    play.look()
    assert play.may("a") == Permission("v2", 0, replicas=0), "else all ten would be of v2"
    play.see("a", current=True, total=0, updated=0)
    play.look()
    assert play.may("a") == Permission("v1")


def test_a_cluster_out_of_reach_keeps_the_number_of_pods_it_had() -> None:
    play = Play(spec(steps=[{"updated": "40%", "approval": "Manual"}, {"updated": "100%"}]), {"a": 10})
    play.look(3)
    play.see("a", reachable=False)
    play.sizes["a"] = 20
    play.look()
    assert play.may("a") == Permission("v2", 4, replicas=10)
    play.see("a", reachable=True)
    play.look()
    assert play.may("a") == Permission("v2", 8, replicas=20)


def test_at_the_end_a_cluster_without_pods_is_at_the_target_revision_too() -> None:
    play = Play(spec(), {"a": 4, "b": 0})
    assert play.look(6).reason == "Released"
    assert play.may("b") == Permission("v2")


def test_a_cluster_that_leaves_takes_nothing_from_the_others() -> None:
    play = Play(spec(steps=[{"updated": "50%", "approval": "Manual"}, {"updated": "100%"}]), {"a": 4, "b": 4})
    play.look(4)
    before = play.may("b")
    del play.sizes["a"]
    play.look()
    assert [cluster.name for cluster in play.status.clusters] == ["b"]
    assert (play.may("b").updated or 0) >= (before.updated or 0)


def test_equal_inputs_give_an_equal_status() -> None:
    play = Play(spec(batches=2), {"a": 4})
    play.look()
    stuck(play)
    first = play.look()
    assert play.look(seconds=5) == first


@pytest.mark.parametrize("may", [Permission("web-1a", 3), Permission("web-1a")])
def test_a_copy_tells_what_it_was_permitted(may: Permission) -> None:
    assert heard(may.echo) == may


@pytest.mark.parametrize("echo", ["", "/3", "web/x"])
def test_what_is_no_echo_of_ours_is_not_heard(echo: str) -> None:
    assert heard(echo) is None


def test_what_a_superseded_run_began_counts_as_down_until_it_is_seen() -> None:
    play = Play(spec(steps=[{"updated": "100%"}], maxUnavailable=2), {"a": 5, "b": 5})
    play.see("a", holds=Permission("v0", 3), updated=1, updated_ready=1)  # two pods are still to come
    assert play.look().permitted == 2
    assert [(play.cluster(name).permitted, play.cluster(name).base_permitted) for name in "ab"] == [
        (2, 3),
        (0, None),
    ]


@pytest.mark.parametrize("kind", [PER_NODE, BY_NAME], ids=["apps", "OpenKruise"])
def test_pods_that_go_for_a_superseded_run_are_there_before_the_next_revision_comes(
    kind: dict[str, Any],
) -> None:
    play = Play(spec(kind, steps=[{"updated": "100%"}], maxUnavailable=5), {"a": 5})
    play.see("a", holds=Permission("v0", 3), updated=2, updated_ready=2)  # another may be gone, unseen
    assert play.look(2).permitted == 0
    play.see("a", holds=Permission("v0", 3), updated=3, updated_ready=3)
    assert play.look(2).permitted == 5


def test_where_it_matters_a_cluster_has_the_template_before_any_of_its_pods_may_go() -> None:
    play = Play(spec(BY_NAME, maxUnavailable=2), {"a": 5})
    play.look()
    assert (play.may("a").revision, play.may("a").updated) == ("v2", 0)
    play.see("a", current=False)
    assert play.look(3).permitted == 0
    play.see("a")
    assert play.look().permitted == 2


def test_a_cluster_on_its_way_back_is_permitted_the_pods_that_go_anyway() -> None:
    play = Play(spec(BY_NAME, maxUnavailable=2), {"a": 5})
    play.see("a", holds=Permission("v0"), updated=4, updated_ready=4)
    assert play.look().permitted == 1


def test_pods_that_are_down_go_first_where_the_revision_before_took_no_others() -> None:
    play = Play(spec(BY_NAME, maxUnavailable=2), {"a": 5})
    play.see("a", holds=Permission("v0", 2), updated=2, updated_ready=0, ready=3)
    play.look()
    play.see("a", updated=0, updated_ready=0, ready=3)
    assert play.look().permitted == 2


def test_pods_that_are_down_are_not_counted_upon_to_go_first_where_others_are_the_first() -> None:
    play = Play(spec({"workloadRef": WORKLOAD | {"kind": "StatefulSet"}}, maxUnavailable=2), {"a": 5})
    play.see("a", holds=Permission("v0", 2), updated=2, updated_ready=0, ready=3)
    assert play.look(9).permitted == 0


def test_pods_that_are_down_are_not_counted_upon_to_go_first_where_it_took_others() -> None:
    play = Play(spec(BY_NAME, maxUnavailable=2), {"a": 5})
    play.see("a", holds=Permission("v0", 3), updated=3, updated_ready=1, ready=3)
    assert play.look(9).permitted == 0


def test_a_cluster_is_waited_for_while_nobody_knows_how_many_pods_it_has() -> None:
    play = Play(spec(PER_NODE, steps=[{"updated": "100%"}]), {"a": 5, "b": 5})
    play.see("b", replicas=None, reachable=False, current=False)
    assert play.look(9).phase == "Releasing"
    assert play.status.message == "waiting for cluster b"
    assert [step.target for step in play.status.steps] == [5]
    play.see("b")
    assert play.look(9).phase == "Completed"
    assert play.status.steps[-1].target == 10
