"""Health and rolled-up status of the kinds that count no replicas, and the laws that hold for every kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import workloads
from policies.api.meta import Manifest
from policies.workloads import Copy
from policies.workloads.pod import ended

THEN, NOW = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"
GROUPS = {
    "CronJob": "batch",
    "HorizontalPodAutoscaler": "autoscaling",
    "Ingress": "networking.k8s.io",
    "Job": "batch",
    "PersistentVolumeClaim": "",
    "Pod": "",
    "PodDisruptionBudget": "policy",
    "Service": "",
}
ABSENT = Copy(None, current=False, reachable=True)


def of(kind: str) -> workloads.Workload:
    return workloads.of(GROUPS.get(kind, "apps"), kind)


def live(kind: str, status: Manifest | None = None, *, generation: int = 1, **spec: Any) -> Manifest:
    manifest: Manifest = {"kind": kind, "metadata": {"name": "web", "generation": generation}, "spec": spec}
    return manifest if status is None else manifest | {"status": status}


def copy(manifest: Manifest, *, current: bool = True, reachable: bool = True) -> Copy:
    return Copy(of(manifest["kind"]).project(manifest), current, reachable)


def rolled(kind: str, previous: Manifest | None = None, **copies: Copy) -> Manifest | None:
    return of(kind).roll_up(copies, generation=5, previous=previous or {}, now=NOW)


def status(kind: str, previous: Manifest | None = None, **copies: Copy) -> Manifest:
    result = rolled(kind, previous, **copies)
    assert result is not None
    return result


def told(result: Manifest, kind: str) -> tuple[str, str, str]:
    found = next(each for each in result["conditions"] if each["type"] == kind)
    return found["status"], found.get("reason", ""), found["message"]


def condition(kind: str, state: str, reason: str = "") -> Manifest:
    return {"type": kind, "status": state, "reason": reason, "message": "m", "lastTransitionTime": THEN}


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}Z"


# Pods


def container(ready: bool = True, restarts: int = 0, **state: Any) -> Manifest:
    state = state or {"running": {"startedAt": at(1)}}
    said = {"name": "web", "ready": ready, "restartCount": restarts, "state": state, "lastState": {}}
    return said | {"image": "nginx:1", "imageID": "sha256:1"}


def pod(
    phase: str, ready: bool = False, *containers: Manifest, policy: str = "Always", **more: Any
) -> Manifest:
    said = [condition("Ready", str(ready)), condition("PodScheduled", "True")]
    held = {"phase": phase, "conditions": said, "containerStatuses": list(containers), **more}
    return live("Pod", held, restartPolicy=policy)


LOOPING = container(False, 3, waiting={"reason": "CrashLoopBackOff"})
EXITED = container(False, 0, terminated={"exitCode": 0, "reason": "Completed"})


def autoscaler(current: int, desired: int, *conditions: Manifest, **more: Any) -> Manifest:
    held = {"currentReplicas": current, "desiredReplicas": desired, "conditions": list(conditions), **more}
    return live("HorizontalPodAutoscaler", held)


SCALES, ACTIVE = condition("AbleToScale", "True", "ReadyForNewScale"), condition("ScalingActive", "True")
NO_METRICS = condition("ScalingActive", "False", "FailedGetResourceMetric")
WITHIN, AT_BOUND = (
    condition("ScalingLimited", "False"),
    condition("ScalingLimited", "True", "TooManyReplicas"),
)


def budget(allowed: int, healthy: int, desired: int, expected: int, generation: int = 1) -> Manifest:
    held = {"disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired}
    return live("PodDisruptionBudget", held | {"expectedPods": expected, "observedGeneration": generation})


ZEROS = {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}
"""The status of a budget that no controller has seen."""


@pytest.mark.parametrize(
    ("manifest", "health"),
    [
        (live("CronJob", {}), "Healthy"),
        (live("CronJob", {"active": [{"name": "a"}]}), "Healthy"),
        (live("Ingress", {"loadBalancer": {}}), "Progressing"),
        (live("Ingress"), "Progressing"),
        (live("Ingress", {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}), "Healthy"),
        (live("PersistentVolumeClaim", {"phase": "Bound"}), "Healthy"),
        (live("PersistentVolumeClaim", {"phase": "Pending"}), "Progressing"),
        (live("PersistentVolumeClaim", {"phase": "Lost"}), "Unhealthy"),
        (live("PersistentVolumeClaim"), "Progressing"),
        (live("PodDisruptionBudget", ZEROS), "Unknown"),
        (budget(1, 3, 2, 3), "Healthy"),
        (budget(0, 2, 2, 3), "Healthy"),
        (budget(0, 1, 2, 3), "Unhealthy"),
        (budget(1, 3, 2, 3) | {"metadata": {"generation": 2}}, "Progressing"),
        (live("HorizontalPodAutoscaler", {"desiredReplicas": 0, "currentMetrics": None}), "Unknown"),
        (autoscaler(2, 2, SCALES, ACTIVE, WITHIN), "Healthy"),
        (autoscaler(2, 2, SCALES, ACTIVE, AT_BOUND), "Healthy"),
        (autoscaler(2, 2, SCALES, NO_METRICS), "Unhealthy"),
        (autoscaler(2, 0, condition("AbleToScale", "False", "FailedGetScale")), "Unhealthy"),
        (autoscaler(0, 0, SCALES, condition("ScalingActive", "False", "ScalingDisabled")), "Healthy"),
        (live("Pod", restartPolicy="Always"), "Progressing"),
        (pod("Pending"), "Progressing"),
        (pod("Running", True, container()), "Healthy"),
        (pod("Running", False, container(False)), "Progressing"),
        (pod("Running", False, LOOPING), "Unhealthy"),
        (pod("Pending", False, LOOPING), "Unhealthy"),
        (pod("Succeeded", False, EXITED, policy="Never"), "Healthy"),
        (pod("Failed", False, EXITED, policy="Never"), "Unhealthy"),
        (pod("Unknown", True, container()), "Progressing"),
    ],
)
def test_health_by_kind(manifest: Manifest, health: str) -> None:
    workload = of(manifest["kind"])
    assert workload.health(workload.project(manifest)) == health


@pytest.mark.parametrize("kind", sorted(GROUPS))
def test_a_kind_that_is_summed_up_has_no_status_on_the_binding(kind: str) -> None:
    assert not workloads.is_whole(GROUPS[kind], kind)
    if kind != "Job":
        assert of(kind).replicas(live(kind)) is None
        assert of(kind).ready({"status": {"phase": "Running"}}) is None


# CronJob


def cronjob(*jobs: str, **times: str) -> Copy:
    reference = {"apiVersion": "batch/v1", "kind": "Job", "namespace": "shop", "resourceVersion": "7"}
    active = [reference | {"name": name, "uid": f"uid-{name}"} for name in jobs]
    return copy(live("CronJob", times | ({"active": active} if jobs else {})))


def test_a_cron_job_shows_the_running_jobs_of_all_clusters_and_the_latest_times() -> None:
    m1 = cronjob("a", lastScheduleTime=at(3), lastSuccessfulTime=at(2))
    m2 = cronjob("b", "c", lastScheduleTime=at(1))
    result = status("CronJob", {"lastSuccessfulTime": at(9)}, m2=m2, m1=m1, m3=ABSENT)
    assert [job["name"] for job in result["active"]] == ["a", "b", "c"]
    assert result["active"][0]["uid"] == "uid-a"
    assert (result["lastScheduleTime"], result["lastSuccessfulTime"]) == (at(3), at(2))


def test_the_version_of_a_running_job_is_no_news() -> None:
    job = {"name": "a", "uid": "1", "resourceVersion": "7"}
    moved = live("CronJob", {"active": [job | {"resourceVersion": "8"}]})
    assert copy(moved) == copy(live("CronJob", {"active": [job]}))


def test_a_cron_job_with_nothing_to_tell_has_an_empty_status() -> None:
    assert rolled("CronJob", m1=cronjob(), m2=ABSENT) == {}
    assert rolled("CronJob", status("CronJob", m1=cronjob("a")), m1=cronjob()) == {}


# Ingress


def ingress(*addresses: Manifest) -> Copy:
    return copy(live("Ingress", {"loadBalancer": {"ingress": list(addresses)}}))


A, B = {"ip": "1.0.0.1"}, {"ip": "1.0.0.2", "ports": [{"port": 80, "protocol": "TCP"}]}
C = {"hostname": "lb.example.com"}


def test_an_ingress_shows_the_addresses_of_all_clusters_once_and_in_order() -> None:
    result = rolled("Ingress", m1=ingress(B, C), m2=ingress(A, B), m3=ABSENT)
    assert result == {"loadBalancer": {"ingress": [C, A, B]}}
    assert rolled("Ingress", result, m1=ingress()) == {"loadBalancer": {}}
    assert rolled("Ingress", {"loadBalancer": {}}, m1=ingress()) is None


# PersistentVolumeClaim


@pytest.mark.parametrize(
    ("phases", "shown"),
    [
        (("Bound", "Bound"), "Bound"),
        (("Bound", "Pending"), "Pending"),
        (("Pending", "Lost", "Bound"), "Lost"),
        (("Bound", None), "Pending"),
        (("Lost", None), "Lost"),
    ],
)
def test_a_claim_is_lost_where_any_is_and_bound_where_all_are(
    phases: tuple[str | None, ...], shown: str
) -> None:
    copies = {
        f"m{n}": copy(live("PersistentVolumeClaim", {"phase": phase})) if phase else ABSENT
        for n, phase in enumerate(phases)
    }
    other = {"conditions": [condition("Resizing", "True")]}
    assert rolled("PersistentVolumeClaim", other, **copies) == other | {"phase": shown}


def test_a_claim_that_is_nowhere_yet_stays_as_the_server_made_it() -> None:
    assert rolled("PersistentVolumeClaim", {"phase": "Pending"}, m1=ABSENT) is None


# PodDisruptionBudget


def test_budgets_are_summed() -> None:
    result = status("PodDisruptionBudget", ZEROS, m1=copy(budget(1, 3, 2, 3)), m2=copy(budget(2, 5, 3, 5)))
    assert {field: result[field] for field in ZEROS} == {
        "disruptionsAllowed": 3,
        "currentHealthy": 8,
        "desiredHealthy": 5,
        "expectedPods": 8,
    }
    assert result["observedGeneration"] == 5
    assert told(result, "DisruptionAllowed")[:2] == ("True", "SufficientPods")


def test_a_budget_that_is_used_up_everywhere_allows_nothing() -> None:
    result = status("PodDisruptionBudget", m1=copy(budget(0, 2, 2, 2)), m2=copy(budget(0, 1, 1, 1)))
    assert told(result, "DisruptionAllowed")[:2] == ("False", "InsufficientPods")


@pytest.mark.parametrize(
    "lagging",
    [
        ABSENT,
        copy(budget(1, 3, 2, 3), current=False),
        copy(budget(1, 3, 2, 3) | {"metadata": {"generation": 2}}),
    ],
)
def test_the_generation_of_a_budget_waits_for_every_cluster(lagging: Copy) -> None:
    result = status("PodDisruptionBudget", {"observedGeneration": 4}, m1=copy(budget(1, 3, 2, 3)), m2=lagging)
    assert result["observedGeneration"] == 4


def test_no_cluster_has_seen_the_budget_yet() -> None:
    assert (
        rolled("PodDisruptionBudget", ZEROS, m1=copy(live("PodDisruptionBudget", ZEROS)), m2=ABSENT) is None
    )


# HorizontalPodAutoscaler


def test_autoscalers_are_summed_with_the_latest_time() -> None:
    m1 = copy(autoscaler(2, 3, SCALES, ACTIVE, WITHIN, lastScaleTime=at(1)))
    m2 = copy(autoscaler(4, 4, SCALES, ACTIVE, WITHIN, lastScaleTime=at(5)))
    result = status("HorizontalPodAutoscaler", {"currentMetrics": None}, m1=m1, m2=m2)
    assert (result["currentReplicas"], result["desiredReplicas"], result["lastScaleTime"]) == (6, 7, at(5))
    assert result["currentMetrics"] is None
    assert told(result, "AbleToScale") == ("True", "ReadyForNewScale", "in clusters m1, m2")
    assert told(result, "ScalingLimited")[0] == "False"


def test_an_autoscaler_that_fails_in_one_cluster_says_where_and_why() -> None:
    well = copy(autoscaler(2, 2, SCALES, ACTIVE, WITHIN))
    result = status(
        "HorizontalPodAutoscaler", m1=well, m2=copy(autoscaler(1, 1, SCALES, NO_METRICS, AT_BOUND))
    )
    assert told(result, "ScalingActive") == ("False", "FailedGetResourceMetric", "in cluster m2")
    assert told(result, "ScalingLimited") == ("True", "TooManyReplicas", "in cluster m2")


def test_a_member_asked_for_v1_tells_no_conditions_and_none_are_written() -> None:
    result = status("HorizontalPodAutoscaler", m1=copy(autoscaler(2, 2)))
    assert result == {"currentReplicas": 2, "desiredReplicas": 2}


def test_an_autoscaler_that_lost_all_its_targets_shows_nothing_of_them() -> None:
    other = condition("Other", "True")
    before = status("HorizontalPodAutoscaler", {"conditions": [other]}, m1=copy(autoscaler(2, 2, SCALES)))
    assert rolled("HorizontalPodAutoscaler", before) == {
        "currentReplicas": 0,
        "desiredReplicas": 0,
        "conditions": [other],
    }


# Pod


@pytest.mark.parametrize(
    ("phases", "shown"),
    [
        (("Running", "Running"), "Running"),
        (("Running", "Pending"), "Pending"),
        (("Running", "Failed", "Pending"), "Failed"),
        (("Succeeded", "Running"), "Running"),
        (("Succeeded", "Succeeded"), "Succeeded"),
        (("Running", None), "Pending"),
        (("Unknown", "Pending"), "Unknown"),
    ],
)
def test_the_phase_that_is_worst_is_shown(phases: tuple[str | None, ...], shown: str) -> None:
    copies = {f"m{n}": copy(pod(phase)) if phase else ABSENT for n, phase in enumerate(phases)}
    assert status("Pod", **copies)["phase"] == shown


def test_a_pod_is_ready_when_all_are_and_counts_their_restarts() -> None:
    m1 = copy(pod("Running", True, container(True, 2), startTime=at(4)))
    m2 = copy(pod("Running", True, container(True, 1), startTime=at(2)))
    result = status("Pod", {"qosClass": "Burstable"}, m1=m1, m2=m2)
    assert told(result, "Ready") == ("True", "", "ready in every cluster")
    assert (result["qosClass"], result["startTime"]) == ("Burstable", at(2))
    assert result["containerStatuses"] == [container(True, 3)]


def test_a_pod_that_is_not_ready_somewhere_says_where() -> None:
    m1, m2 = copy(pod("Running", True, container())), copy(pod("Running", False, container(False)))
    result = status("Pod", m1=m1, m2=m2)
    assert told(result, "Ready") == ("False", "ContainersNotReady", "not ready in cluster m2")
    assert [each["ready"] for each in result["containerStatuses"]] == [False]
    assert status("Pod", m1=m1, m2=ABSENT).get("containerStatuses") is None


def test_the_end_of_a_container_is_shown_with_that_of_its_pod() -> None:
    busy = container()
    half = copy(pod("Running", False, EXITED, busy | {"name": "other"}, policy="Never"))
    over = copy(pod("Succeeded", False, EXITED, policy="Never"))
    shown = status("Pod", m1=half)["containerStatuses"]
    assert [each["state"] for each in shown] == [{}, busy["state"]]
    result = status("Pod", m1=over, m2=over)
    assert result["containerStatuses"][0]["state"] == EXITED["state"]
    assert told(result, "Ready")[1] == "PodCompleted"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_does_not_run_again_keeps_the_status_it_ended_with(phase: str) -> None:
    over = copy(pod(phase, False, EXITED, policy="OnFailure"))
    result = status("Pod", m1=over)
    assert status("Pod", result, m1=over, m2=copy(pod("Pending", policy="OnFailure"))) == result


def test_a_pod_that_was_evicted_but_is_to_run_always_may_come_back() -> None:
    result = status("Pod", m1=copy(pod("Failed")))
    assert status("Pod", result, m1=copy(pod("Running", True, container())))["phase"] == "Running"


@pytest.mark.parametrize(
    ("phase", "policy", "over"),
    [
        ("Succeeded", "Never", True),
        ("Failed", "OnFailure", True),
        ("Failed", "Always", False),
        ("Running", "Never", False),
    ],
)
def test_which_pods_have_run_their_course(phase: str, policy: str, over: bool) -> None:
    assert ended(of("Pod").project(pod(phase, policy=policy))) is over


# Out of reach


GONE: Mapping[str, tuple[Manifest, str]] = {
    "HorizontalPodAutoscaler": (autoscaler(2, 2, SCALES), "AbleToScale"),
    "Job": (live("Job", {"active": 1, "startTime": at(1)}), "Progressing"),
    "Pod": (pod("Running", True, container()), "Ready"),
    "PodDisruptionBudget": (budget(1, 3, 2, 3), "DisruptionAllowed"),
}


@pytest.mark.parametrize("kind", GONE)
def test_a_cluster_out_of_reach_keeps_its_last_numbers_and_is_named(kind: str) -> None:
    manifest, name = GONE[kind]
    near, far = copy(manifest), copy(manifest, reachable=False)
    both, unheard = status(kind, m1=near, m2=near), status(kind, m1=near, m2=far)
    assert {**both, "conditions": None} == {**unheard, "conditions": None}
    assert told(unheard, name) == (
        "Unknown",
        "ClusterUnreachable",
        "no contact with cluster m2: the last known numbers count",
    )
    again = status(kind, unheard, m1=near, m2=near)
    assert "m2: the last" not in str(again.get("conditions"))


def test_a_job_says_nothing_more_of_clusters_out_of_reach_once_it_has_ended() -> None:
    far = copy(GONE["Job"][0], reachable=False)
    failed = copy(live("Job", {"failed": 1, "conditions": [condition("Failed", "True", "Over")]}))
    result = status("Job", status("Job", m1=far), m1=far, m2=failed)
    assert [each["type"] for each in result["conditions"]] == ["FailureTarget", "Failed"]


# Laws


NUMBERS = st.integers(0, 3)
TIMES = st.integers(0, 9).map(at)
STATES = st.sampled_from(["True", "False", "Unknown"])
ADDRESSES = st.lists(st.sampled_from([A, B, C]), max_size=3)
PHASES = st.sampled_from(["Pending", "Running", "Succeeded", "Failed"])


def counters(*names: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Manifest]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, NUMBERS) | more)


def conditions_of(*kinds: str) -> st.SearchStrategy[list[Manifest]]:
    return st.lists(st.sampled_from(kinds), unique=True).flatmap(
        lambda chosen: st.tuples(
            *(STATES.map(lambda state, kind=kind: condition(kind, state, "R")) for kind in chosen)
        ).map(list)
    )


CONTAINERS = st.lists(st.sampled_from([container(), container(False, 1), LOOPING, EXITED]), max_size=1)
REPORTS: Mapping[str, st.SearchStrategy[Manifest]] = {
    "CronJob": st.fixed_dictionaries(
        {},
        optional={
            "lastScheduleTime": TIMES,
            "active": st.lists(st.sampled_from([{"name": "a"}, {"name": "b"}])),
        },
    ),
    "HorizontalPodAutoscaler": counters(
        "currentReplicas",
        "desiredReplicas",
        lastScaleTime=TIMES,
        conditions=conditions_of("AbleToScale", "ScalingActive", "ScalingLimited"),
    ),
    "Ingress": ADDRESSES.map(lambda held: {"loadBalancer": {"ingress": held}}),
    "Job": counters("active", "succeeded", "failed", startTime=TIMES).flatmap(
        lambda held: st.sampled_from([[], ["Complete"], ["Failed"]]).map(
            lambda ends: held | {"conditions": [condition(end, "True", "Over") for end in ends]}
        )
    ),
    "PersistentVolumeClaim": st.sampled_from(["Pending", "Bound", "Lost"]).map(
        lambda phase: {"phase": phase}
    ),
    "Pod": st.fixed_dictionaries(
        {"phase": PHASES, "conditions": conditions_of("Ready"), "containerStatuses": CONTAINERS},
        optional={"startTime": TIMES, "observedGeneration": st.integers(1, 2)},
    ),
    "PodDisruptionBudget": counters(*ZEROS, observedGeneration=st.integers(1, 2)),
    "Service": ADDRESSES.map(lambda held: {"loadBalancer": {"ingress": held}}),
}


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, Mapping[str, Copy], Mapping[str, Copy]]:
    """A kind, and its copies at two moments."""
    kind = draw(st.sampled_from(sorted(REPORTS)))
    policy = draw(st.sampled_from(["Always", "Never"]))

    def seen() -> Copy:
        if not draw(st.booleans()):
            return Copy(None, draw(st.booleans()), draw(st.booleans()))
        manifest = live(kind, draw(REPORTS[kind]), generation=draw(st.integers(1, 2)), restartPolicy=policy)
        return copy(manifest, current=draw(st.booleans()), reachable=draw(st.booleans()))

    return kind, *(
        {name: seen() for name in draw(st.sets(st.sampled_from(["m1", "m2", "m3"])))} for _ in range(2)
    )


@settings(max_examples=60)
@given(histories())
def test_what_was_written_is_not_written_again_and_the_order_of_clusters_does_not_matter(
    history: tuple[str, Mapping[str, Copy], Mapping[str, Copy]],
) -> None:
    kind, before, after = history
    previous = of(kind).roll_up(before, generation=4, previous={}, now=THEN) or {}
    result = of(kind).roll_up(after, generation=5, previous=previous, now=NOW)
    turned = dict(reversed(after.items()))
    assert of(kind).roll_up(turned, generation=5, previous=previous, now=NOW) == result
    if result is not None:
        assert of(kind).roll_up(after, generation=5, previous=result, now="later") in (None, result)
