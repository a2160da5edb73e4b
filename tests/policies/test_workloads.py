"""What each kind answers: replicas, health, and one status for all its copies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import workloads
from policies.api.meta import Manifest
from policies.workloads import Copy

THEN, NOW = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"


def live(kind: str, status: Manifest | None = None, *, generation: int = 1, **spec: Any) -> Manifest:
    manifest: Manifest = {"kind": kind, "metadata": {"name": "web", "generation": generation}, "spec": spec}
    return manifest if status is None else manifest | {"status": status}


def held(manifest: Manifest) -> Manifest:
    """In mid-batch of a release."""
    said = {"federation.atoll.dev/release": "web-1/1"}
    return manifest | {"metadata": manifest["metadata"] | {"annotations": said}}


def true(kind: str, reason: str = "") -> Manifest:
    return {"type": kind, "status": "True", "reason": reason, "message": "m", "lastTransitionTime": THEN}


def false(kind: str, reason: str = "") -> Manifest:
    return true(kind, reason) | {"status": "False"}


AVAILABLE, COMPLETE = true("Available"), true("Progressing", "NewReplicaSetAvailable")
ROLLING = true("Progressing", "ReplicaSetUpdated")
OVERDUE = false("Progressing", "ProgressDeadlineExceeded")


def deployed(
    replicas: int = 3, updated: int = 3, ready: int = 3, *conditions: Manifest, **more: Any
) -> Manifest:
    """The status of a Deployment."""
    return {
        "observedGeneration": 1,
        "replicas": replicas,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "conditions": list(conditions) or [AVAILABLE, COMPLETE],
        **more,
    }


def stateful(
    replicas: int = 3, updated: int = 3, ready: int = 3, current: str = "r1", update: str = "r1", **more: Any
) -> Manifest:
    return {
        "observedGeneration": 1,
        "replicas": replicas,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "currentRevision": current,
        "updateRevision": update,
        **more,
    }


def daemons(desired: int = 3, updated: int = 3, ready: int = 3, **more: Any) -> Manifest:
    return {
        "observedGeneration": 1,
        "desiredNumberScheduled": desired,
        "currentNumberScheduled": desired,
        "updatedNumberScheduled": updated,
        "numberReady": ready,
        "numberAvailable": ready,
        "numberMisscheduled": 0,
        **more,
    }


def replicaset(replicas: int = 3, ready: int = 3, **more: Any) -> Manifest:
    return {
        "observedGeneration": 1,
        "replicas": replicas,
        "fullyLabeledReplicas": replicas,
        "readyReplicas": ready,
        "availableReplicas": ready,
        **more,
    }


GROUPS = {"Job": "batch", "Service": "", "Widget": "e.com"}
PARTITIONED = {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}


def of(kind: str) -> workloads.Workload:
    return workloads.of(GROUPS.get(kind, "apps"), kind)


@pytest.mark.parametrize(
    ("kind", "spec", "replicas"),
    [
        ("Deployment", {"replicas": 3}, 3),
        ("Deployment", {"replicas": 0}, 0),
        ("Deployment", {}, 1),
        ("StatefulSet", {"replicas": 2}, 2),
        ("ReplicaSet", {"replicas": 2}, 2),
        ("Job", {"parallelism": 3, "completions": 10}, 3),
        ("Job", {"parallelism": 10, "completions": 3}, 3),
        ("Job", {"parallelism": 4}, 4),
        ("Job", {"completions": 4}, 1),
        ("Job", {}, 1),
        ("Job", {"parallelism": 0, "completions": 4}, 0),
        ("DaemonSet", {}, None),
        ("Service", {}, None),
        ("Widget", {"replicas": 3}, None),
    ],
)
def test_replicas(kind: str, spec: Manifest, replicas: int | None) -> None:
    assert of(kind).replicas(live(kind, **spec)) == replicas
    assert of(kind).replicas(of(kind).project(live(kind, **spec))) == replicas


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("Deployment", "replicas"),
        ("StatefulSet", "replicas"),
        ("ReplicaSet", "replicas"),
        ("Job", "parallelism"),
    ],
)
def test_replicas_are_set_without_changing_the_input(kind: str, field: str) -> None:
    manifest = live(kind, a=1)
    assert of(kind).with_replicas(manifest, 7)["spec"] == {"a": 1, field: 7}
    assert manifest == live(kind, a=1)


@pytest.mark.parametrize("kind", ["DaemonSet", "Service", "Widget"])
def test_kinds_without_replicas_stay_as_they_are(kind: str) -> None:
    assert of(kind).with_replicas(live(kind), 7) == live(kind)


@pytest.mark.parametrize(
    ("manifest", "health"),
    [
        (live("Deployment", replicas=3), "Unknown"),
        (live("Deployment", {}, replicas=3), "Unknown"),
        (live("Deployment", deployed(), replicas=3), "Healthy"),
        (live("Deployment", deployed(0, 0, 0), replicas=0), "Healthy"),
        (live("Deployment", deployed(), replicas=3, generation=2), "Progressing"),
        (live("Deployment", deployed(4, 2, 3, AVAILABLE, ROLLING), replicas=3), "Progressing"),
        (live("Deployment", deployed(3, 3, 2, AVAILABLE, COMPLETE), replicas=3), "Progressing"),
        (live("Deployment", deployed(3, 3, 0, false("Available"), ROLLING), replicas=3), "Progressing"),
        (live("Deployment", deployed(3, 3, 0, false("Available"), COMPLETE), replicas=3), "Unhealthy"),
        (live("Deployment", deployed(4, 1, 3, AVAILABLE, OVERDUE), replicas=3), "Unhealthy"),
        (live("StatefulSet", {"replicas": 0, "availableReplicas": 0}, replicas=3), "Unknown"),
        (live("StatefulSet", stateful(), replicas=3), "Healthy"),
        (live("StatefulSet", stateful(), replicas=3, generation=2), "Progressing"),
        (live("StatefulSet", stateful(2, 2, 2), replicas=3), "Progressing"),
        (live("StatefulSet", stateful(3, 2, 3), replicas=3), "Progressing"),
        (live("StatefulSet", stateful(3, 3, 2), replicas=3), "Unhealthy"),
        (live("StatefulSet", stateful(3, 1, 3), **PARTITIONED), "Healthy"),
        (live("StatefulSet", stateful(3, 0, 3), **PARTITIONED), "Progressing"),
        (held(live("StatefulSet", stateful(3, 1, 3), **PARTITIONED)), "Progressing"),
        (held(live("StatefulSet", stateful(3, 1, 2), **PARTITIONED)), "Progressing"),
        (held(live("StatefulSet", stateful(3, 3, 3), replicas=3)), "Healthy"),
        (live("DaemonSet", {"desiredNumberScheduled": 0, "numberReady": 0}), "Unknown"),
        (live("DaemonSet", daemons()), "Healthy"),
        (live("DaemonSet", daemons(0, 0, 0)), "Healthy"),
        (live("DaemonSet", daemons(), generation=2), "Progressing"),
        (live("DaemonSet", daemons(3, 2, 3)), "Progressing"),
        (live("DaemonSet", daemons(3, 3, 2)), "Unhealthy"),
        (live("ReplicaSet", replicas=3), "Unknown"),
        (live("ReplicaSet", replicaset(), replicas=3), "Healthy"),
        (live("ReplicaSet", replicaset(), replicas=3, generation=2), "Progressing"),
        (live("ReplicaSet", replicaset(2, 2), replicas=3), "Progressing"),
        (live("ReplicaSet", replicaset(3, 2), replicas=3), "Unhealthy"),
        (live("Job"), "Unknown"),
        (live("Job", {"active": 1}), "Progressing"),
        (live("Job", {"succeeded": 1, "conditions": [true("Complete")]}), "Healthy"),
        (live("Job", {"failed": 1, "conditions": [true("FailureTarget"), true("Failed")]}), "Unhealthy"),
        (live("Job", {"active": 1, "conditions": [false("Suspended")]}), "Progressing"),
        (live("Service", {"loadBalancer": {}}), "Healthy"),
        (live("Service", {"loadBalancer": {}}, type="LoadBalancer"), "Progressing"),
        (live("Service", {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, type="LoadBalancer"), "Healthy"),
        (live("Widget"), "Healthy"),
        (live("Widget", {"phase": "Running"}), "Unknown"),
        (live("Widget", {"conditions": [true("Ready")]}), "Healthy"),
        (live("Widget", {"conditions": [false("Ready")]}), "Unhealthy"),
        (live("Widget", {"conditions": [true("Ready") | {"status": "Unknown"}]}), "Progressing"),
        (
            live("Widget", {"observedGeneration": 1, "conditions": [true("Ready")]}, generation=2),
            "Progressing",
        ),
    ],
)
def test_health(manifest: Manifest, health: str) -> None:
    workload = of(manifest["kind"])
    assert workload.health(workload.project(manifest)) == health


@pytest.mark.parametrize(
    ("manifest", "ready"),
    [
        (live("Deployment", deployed(3, 3, 2), replicas=3), 2),
        (live("Deployment", {"observedGeneration": 1}, replicas=3), 0),
        (live("Deployment", replicas=3), None),
        (live("StatefulSet", stateful(3, 3, 1), replicas=3), 1),
        (live("StatefulSet", replicas=3), None),
        (live("DaemonSet", daemons(3, 3, 1)), 1),
        (live("DaemonSet"), None),
        (live("ReplicaSet", replicaset(3, 1), replicas=3), 1),
        (live("ReplicaSet", replicas=3), None),
        (live("Job", {"active": 2, "ready": 1}), 1),
        (live("Job", {"active": 2}), 0),
        (live("Job"), None),
        (live("Service"), None),
        (live("Widget", {"ready": 3}), None),
    ],
)
def test_ready(manifest: Manifest, ready: int | None) -> None:
    workload = of(manifest["kind"])
    assert workload.ready(workload.project(manifest)) == ready


def test_times_and_messages_of_a_member_are_no_news() -> None:
    later = {"lastUpdateTime": NOW, "lastTransitionTime": NOW, "message": "other"}
    for kind, status in (("Deployment", deployed()), ("Job", {"conditions": [true("Complete")]})):
        moved = status | {"conditions": [each | later for each in status["conditions"]]}
        assert of(kind).project(live(kind, status)) == of(kind).project(live(kind, moved))


def test_the_status_of_a_kind_we_know_nothing_of_is_kept_whole() -> None:
    assert of("Widget").project(live("Widget", {"a": {"b": 1}}))["status"] == {"a": {"b": 1}}
    assert workloads.is_whole("e.com", "Widget")
    assert not workloads.is_whole("apps", "Deployment")
    assert workloads.is_whole("e.com", "Deployment")


def copy(manifest: Manifest | None, *, current: bool = True, reachable: bool = True) -> Copy:
    return Copy(of(manifest["kind"]).project(manifest) if manifest else None, current, reachable)


def rolled(kind: str, previous: Manifest | None = None, **copies: Copy) -> Manifest | None:
    return of(kind).roll_up(copies, generation=5, previous=previous or {}, now=NOW)


def status(kind: str, previous: Manifest | None = None, **copies: Copy) -> Manifest:
    result = rolled(kind, previous, **copies)
    assert result is not None
    return result


def condition(result: Manifest, kind: str) -> tuple[str, str, str]:
    found = next(each for each in result["conditions"] if each["type"] == kind)
    return found["status"], found["reason"], found["message"]


DONE = copy(live("Deployment", deployed(), replicas=3))
HALF = copy(live("Deployment", deployed(4, 1, 3, AVAILABLE, ROLLING), replicas=3))
DOWN = copy(live("Deployment", deployed(3, 3, 0, false("Available"), ROLLING), replicas=3))
STUCK = copy(live("Deployment", deployed(4, 1, 3, AVAILABLE, OVERDUE), replicas=3))


def test_a_deployment_that_is_done_everywhere_says_so() -> None:
    moment = {"lastTransitionTime": NOW, "lastUpdateTime": NOW}
    assert rolled("Deployment", m1=DONE, m2=DONE) == {
        "observedGeneration": 5,
        "replicas": 6,
        "updatedReplicas": 6,
        "readyReplicas": 6,
        "availableReplicas": 6,
        "conditions": [
            {
                "type": "Available",
                "status": "True",
                "reason": "MinimumReplicasAvailable",
                "message": "enough replicas are available in every cluster",
                **moment,
            },
            {
                "type": "Progressing",
                "status": "True",
                "reason": "NewReplicaSetAvailable",
                "message": "every cluster runs the present revision",
                **moment,
            },
        ],
    }


BEFORE = {"observedGeneration": 4, "replicas": 6}


@pytest.mark.parametrize(
    "lagging",
    [
        DONE._replace(current=False),
        Copy(None, False, True),
        Copy(None, True, True),
        copy(live("Deployment", deployed(), replicas=3, generation=2)),
        copy(live("Deployment", replicas=3)),
    ],
    ids=[
        "holds an older manifest",
        "holds nothing",
        "just applied",
        "not observed there",
        "no controller there",
    ],
)
def test_the_observed_generation_moves_only_when_every_cluster_observed_the_present_one(
    lagging: Copy,
) -> None:
    result = status("Deployment", BEFORE, m1=DONE, m2=lagging)
    assert result["observedGeneration"] == 4
    assert "observedGeneration" not in status("Deployment", m1=DONE, m2=lagging)
    assert condition(result, "Progressing")[1:] == ("ReplicaSetUpdated", "waiting for cluster m2")
    assert status("Deployment", BEFORE, m1=DONE, m2=DONE)["observedGeneration"] == 5


def test_updated_pods_of_a_stale_copy_are_of_the_wrong_revision_and_do_not_count() -> None:
    result = status("Deployment", m1=DONE, m2=DONE._replace(current=False))
    assert (result["replicas"], result["updatedReplicas"], result["availableReplicas"]) == (6, 3, 6)


@pytest.mark.parametrize(
    ("copies", "available"),
    [
        ({"m1": DONE, "m2": HALF}, ("True", "MinimumReplicasAvailable", "every cluster")),
        ({"m1": DONE, "m2": DOWN}, ("False", "MinimumReplicasUnavailable", "in cluster m2")),
        (
            {"m1": DONE, "m2": Copy(None, False, True)},
            ("False", "MinimumReplicasUnavailable", "in cluster m2"),
        ),
        ({"m1": DONE, "m2": DONE._replace(reachable=False)}, ("Unknown", "ClusterUnreachable", "cluster m2")),
        (
            {"m1": DOWN, "m2": DONE._replace(reachable=False)},
            ("False", "MinimumReplicasUnavailable", "cluster m2: the"),
        ),
    ],
)
def test_available_tells_where_replicas_lack_and_which_clusters_are_out_of_reach(
    copies: dict[str, Copy], available: tuple[str, str, str]
) -> None:
    state, reason, message = condition(status("Deployment", **copies), "Available")
    assert (state, reason) == available[:2]
    assert available[2] in message


def test_a_cluster_out_of_reach_keeps_its_last_numbers() -> None:
    assert status("Deployment", m1=DONE, m2=DONE._replace(reachable=False))["readyReplicas"] == 6


def test_a_rollout_that_is_stuck_in_one_cluster_is_stuck() -> None:
    told = condition(status("Deployment", m1=DONE, m2=STUCK, m3=HALF), "Progressing")
    assert told == (
        "False",
        "ProgressDeadlineExceeded",
        "the rollout makes no progress in cluster m2; look at the pods there",
    )


def test_three_clusters_are_named_at_most() -> None:
    copies = {f"m{n}": HALF for n in range(1, 6)}
    assert (
        condition(status("Deployment", **copies), "Progressing")[2]
        == "waiting for clusters m1, m2, m3 and 2 more"
    )


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Service"])
def test_without_a_report_from_any_cluster_there_is_nothing_to_write(kind: str) -> None:
    silent = copy(live(kind, {}))
    assert rolled(kind, m1=silent, m2=Copy(None, False, False)) is None
    assert rolled(kind, {"replicas": 0}, m1=silent) is None
    assert rolled(kind) is None


def test_a_template_that_lost_all_its_targets_shows_none_of_their_pods() -> None:
    result = status("Deployment", status("Deployment", m1=DONE))
    assert "replicas" not in result
    assert result["observedGeneration"] == 5
    assert condition(result, "Available") == ("False", "MinimumReplicasUnavailable", "no cluster is a target")


def test_fields_and_conditions_of_others_are_kept() -> None:
    other = {"type": "Other", "status": "True"}
    result = status("Deployment", {"collisionCount": 2, "replicas": 9, "conditions": [other]}, m1=DONE)
    assert result["collisionCount"] == 2
    assert result["replicas"] == 3
    assert result["conditions"][0] == other


def test_times_of_conditions_move_with_what_they_tell() -> None:
    first = of("Deployment").roll_up({"m1": HALF}, generation=5, previous={}, now=THEN)
    assert first is not None
    assert status("Deployment", first, m1=HALF) == first
    before, after = (result["conditions"][1] for result in (first, status("Deployment", first, m1=DONE)))
    assert (before["lastTransitionTime"], before["lastUpdateTime"]) == (THEN, THEN)
    assert (after["lastTransitionTime"], after["lastUpdateTime"]) == (THEN, NOW)
    stuck = status("Deployment", first, m1=STUCK)["conditions"][1]
    assert (stuck["lastTransitionTime"], stuck["lastUpdateTime"]) == (NOW, NOW)


def test_only_a_deployments_conditions_have_an_update_time() -> None:
    for kind, reported in (
        ("StatefulSet", stateful()),
        ("DaemonSet", daemons()),
        ("ReplicaSet", replicaset()),
    ):
        result = status(kind, m1=copy(live(kind, reported, replicas=3)))
        assert all("lastUpdateTime" not in each for each in result["conditions"])


def test_a_stateful_set_shows_the_revisions_of_a_cluster_that_still_updates() -> None:
    done = copy(live("StatefulSet", stateful(current="r2", update="r2"), replicas=3))
    rolling = copy(live("StatefulSet", stateful(3, 1, 3, "r1", "r2"), replicas=3))
    revisions = [
        (result["currentRevision"], result["updateRevision"], result["replicas"])
        for result in (status("StatefulSet", m1=done, m2=each) for each in (rolling, done))
    ]
    assert revisions == [("r1", "r2", 6), ("r2", "r2", 6)]


def test_a_stateful_set_that_lost_all_its_targets_shows_zero() -> None:
    previous = status("StatefulSet", m1=copy(live("StatefulSet", stateful(), replicas=3)))
    result = status("StatefulSet", previous)
    assert (result["replicas"], result["availableReplicas"], "readyReplicas" in result) == (0, 0, False)


def test_daemon_sets_and_replica_sets_are_summed() -> None:
    result = status(
        "DaemonSet", m1=copy(live("DaemonSet", daemons())), m2=copy(live("DaemonSet", daemons(2, 1, 1)))
    )
    assert (result["desiredNumberScheduled"], result["updatedNumberScheduled"], result["numberReady"]) == (
        5,
        4,
        4,
    )
    assert result["numberMisscheduled"] == 0
    result = status("ReplicaSet", m1=copy(live("ReplicaSet", replicaset(3, 2), replicas=3)))
    assert (result["replicas"], result["readyReplicas"], result["fullyLabeledReplicas"]) == (3, 2, 3)
    assert condition(result, "Available")[0] == "False"


def job(start: int = 1, end: int | None = None, *conditions: Manifest, **counts: int) -> Copy:
    times = {"startTime": at(start)} | ({"completionTime": at(end)} if end else {})
    return copy(live("Job", {**times, **counts, "conditions": list(conditions)}))


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}Z"


RUNNING = job(2, active=2, ready=1, succeeded=1)
SUCCEEDED = job(1, 9, true("SuccessCriteriaMet"), true("Complete"), succeeded=3)
FAILED = job(1, None, true("FailureTarget"), true("Failed", "BackoffLimitExceeded"), failed=2)


def test_a_running_job_sums_its_pods_from_the_earliest_start() -> None:
    expected = {"startTime": at(1), "active": 2, "ready": 1, "succeeded": 4}
    assert rolled("Job", m1=RUNNING, m2=SUCCEEDED) == expected
    assert rolled("Job", m1=RUNNING, m2=SUCCEEDED, m3=Copy(None, False, True)) == expected


def test_a_job_is_complete_when_every_copy_is() -> None:
    result = status("Job", m1=SUCCEEDED, m2=job(3, 12, true("Complete"), succeeded=2))
    assert (result["startTime"], result["completionTime"], result["succeeded"]) == (at(1), at(12), 5)
    assert "active" not in result
    told = ("True", "CompletionsReached", "complete in every cluster")
    assert condition(result, "SuccessCriteriaMet") == condition(result, "Complete") == told
    without = rolled("Job", m1=SUCCEEDED, m2=Copy(None, False, True))
    assert without is not None
    assert "conditions" not in without


def test_a_job_fails_as_soon_as_one_copy_does_and_names_the_clusters() -> None:
    result = status("Job", m1=RUNNING, m2=FAILED, m3=FAILED)
    told = ("True", "BackoffLimitExceeded", "failed in clusters m2, m3")
    assert condition(result, "FailureTarget") == condition(result, "Failed") == told
    assert (result["failed"], result["succeeded"]) == (4, 1)
    assert not {"active", "ready", "completionTime"} & set(result)


def test_a_failed_job_has_a_start_even_when_no_cluster_tells_it() -> None:
    told = copy(live("Job", {"conditions": [true("Failed")]}))
    assert status("Job", m1=told)["startTime"] == NOW


@pytest.mark.parametrize("end", [SUCCEEDED, FAILED])
def test_a_job_that_has_ended_is_never_rewritten(end: Copy) -> None:
    ended = status("Job", m1=end)
    assert rolled("Job", ended, m1=RUNNING, m2=SUCCEEDED, m3=FAILED) == ended
    assert rolled("Job", ended) == ended


def test_the_counts_and_the_start_of_a_job_never_go_back() -> None:
    before = status("Job", m1=job(2, active=1, succeeded=5, failed=3))
    after = status("Job", before, m1=job(1, active=1, succeeded=4, failed=1))
    assert (after["startTime"], after["succeeded"], after["failed"]) == (at(2), 5, 3)


def balancer(*addresses: Manifest) -> Copy:
    return copy(live("Service", {"loadBalancer": {"ingress": list(addresses)}}, type="LoadBalancer"))


A, B, C = (
    {"ip": "1.0.0.1", "ipMode": "VIP"},
    {"ip": "1.0.0.2", "ipMode": "Proxy"},
    {"hostname": "lb.example.com"},
)


def test_a_load_balancer_shows_the_addresses_of_all_clusters_once_and_in_order() -> None:
    result = rolled(
        "Service", {"conditions": []}, m1=balancer(B, C), m2=balancer(A, B), m3=Copy(None, False, True)
    )
    assert result == {"conditions": [], "loadBalancer": {"ingress": [C, A, B]}}
    assert rolled("Service", result, m1=balancer(A), m2=balancer(C, B)) == result


def test_servers_that_set_the_mode_of_an_address_and_those_that_do_not_mean_the_same() -> None:
    bare = {"ip": "1.0.0.1"}
    for shown in (A, bare):
        previous = {"loadBalancer": {"ingress": [shown]}}
        assert rolled("Service", previous, m1=balancer(A), m2=balancer(bare)) == previous


def test_addresses_that_are_gone_are_taken_away() -> None:
    assert rolled("Service", {"loadBalancer": {"ingress": [A]}}, m1=balancer()) == {"loadBalancer": {}}
    assert rolled("Service", {"loadBalancer": {}}, m1=balancer()) is None


def test_a_kind_we_know_nothing_of_has_no_status_of_ours() -> None:
    assert rolled("Widget", m1=copy(live("Widget", {"a": 1}))) is None


NUMBERS = st.integers(0, 5)
STATES = st.one_of(
    st.just(("Deployment", {})),
    st.builds(
        lambda r, u, a, available, progressing: ("Deployment", deployed(r, u, a, available, progressing)),
        NUMBERS,
        NUMBERS,
        NUMBERS,
        st.sampled_from([AVAILABLE, false("Available")]),
        st.sampled_from([COMPLETE, ROLLING, OVERDUE]),
    ),
)
COPIES = st.dictionaries(
    st.sampled_from(["m1", "m2", "m3"]),
    st.builds(
        lambda state, generation, current, reachable: copy(
            live(state[0], state[1], replicas=3, generation=generation), current=current, reachable=reachable
        ),
        STATES,
        st.integers(1, 2),
        st.booleans(),
        st.booleans(),
    ),
)


@given(COPIES, COPIES)
def test_the_same_news_again_changes_nothing_and_their_order_does_not_matter(
    before: dict[str, Copy], after: dict[str, Copy]
) -> None:
    deployment = of("Deployment")
    previous = deployment.roll_up(before, generation=4, previous={}, now=THEN) or {}
    result = deployment.roll_up(after, generation=5, previous=previous, now=NOW)
    turned = deployment.roll_up(dict(reversed(after.items())), generation=5, previous=previous, now=NOW)
    assert turned == result
    if result is not None:
        assert deployment.roll_up(after, generation=5, previous=result, now="later") == result
        assert result.get("replicas", 0) == sum(
            each.live["status"].get("replicas", 0) for each in after.values() if each.live
        )
