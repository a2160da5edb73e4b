"""A Job runs once in each cluster: what has ended and is gone from a member is not made there again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from federation.kube.ref import Ref
from federation.kube.resources import Manifest, Resource
from tests.federated import (
    A_CONFIGMAP,
    BINDINGS,
    CLUSTERS,
    CONFIGMAPS,
    NAMESPACES,
    POLICIES,
    Cluster,
    Federated,
    absent,
    condition,
    configmap,
    eventually,
    policy,
    selects,
)

JOBS = Resource("batch", "v1", "jobs", "Job")
PODS = Resource("", "v1", "pods", "Pod")
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
A_JOB, A_POD = selects("batch/v1", "Job"), selects("v1", "Pod")
THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"
RECORD = "once.jobs.batch"


def job(namespace: str) -> Manifest:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "a:1"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once", "namespace": namespace},
        "spec": {"ttlSecondsAfterFinished": 0, "template": {"spec": pod}},
    }


async def ends(running: Federated, member: str, namespace: str, end: str = "Complete") -> None:
    """Play the Job controller of a member, once the copy is there."""
    await running.members[member].until(JOBS, "once", namespace, bool)
    target = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}[end]
    status: Manifest = {
        "startTime": THEN,
        "conditions": [{"type": each, "status": "True", "reason": "Over"} for each in (target, end)],
    }
    status |= {"succeeded": 1, "completionTime": NOW} if end == "Complete" else {"failed": 1}
    await running.members[member].api.patch(
        JOBS, "once", namespace, {"status": status}, manager="controller", subresource="status"
    )


async def goes(running: Federated, member: str, namespace: str) -> None:
    """Play the controller that deletes what has ended."""
    await running.members[member].delete(JOBS, "once", namespace)


async def another(member: Cluster, namespace: str, uid: str) -> None:
    """Wait until a member has a copy that is not the one with this UID."""
    await member.until(JOBS, "once", namespace, lambda j: j and j["metadata"]["uid"] != uid)


async def finished(running: Federated, namespace: str, cluster: str) -> None:
    """Wait until the binding says of a Pod that it has run."""
    await running.host.until(
        BINDINGS, "once.pods", namespace, lambda b: result(b, cluster).get("reason") == "Finished"
    )


def result(binding: Manifest | None, cluster: str) -> dict[str, Any]:
    results = (binding or {}).get("status", {}).get("clusters", [])
    return next((each for each in results if each["name"] == cluster), {})


def observed(binding: Manifest | None, generation: int) -> bool:
    seen: int = (binding or {}).get("status", {}).get("observedGeneration", 0)
    return seen >= generation


def targets(binding: Manifest | None) -> list[str]:
    return [each["name"] for each in (binding or {}).get("spec", {}).get("clusters", [])]


async def taint(running: Federated, *taints: Manifest) -> None:
    """Have m1 be left, or no more."""
    await running.host.api.patch(CLUSTERS, "m1", None, {"spec": {"taints": list(taints)}}, manager="person")


async def told(running: Federated, namespace: str, cluster: str, reason: str) -> Manifest:
    """Wait until the binding says so of a cluster, which then has no copy, and is not going to."""
    binding = await running.host.until(
        BINDINGS, RECORD, namespace, lambda b: result(b, cluster).get("reason") == reason
    )
    await at_rest(running)
    assert absent(await running.members[cluster].get(JOBS, "once", namespace))
    return binding


async def at_rest(running: Federated) -> None:
    """Wait until every look that was due was taken."""

    async def idle() -> bool:
        federation = running.federation
        assert federation is not None
        scheduled = federation.schedule.queue.idle()
        return scheduled and all(federation.applies.idle(name) for name in running.members)

    await eventually(idle, lambda: "some looks are still due")


async def recorded(running: Federated, namespace: str, *clusters: str) -> None:
    """Wait until the binding says that the copies were seen."""
    await running.host.until(
        BINDINGS, RECORD, namespace, lambda b: all(result(b, each).get("templateUid") for each in clusters)
    )


async def again(running: Federated) -> None:
    """Another controller takes over."""
    await running.stop()
    await running.start()


@pytest.fixture
async def started(running: Federated, shop: str) -> str:
    """A namespace with a Job that runs in both members."""
    await running.host.apply(POLICIES, policy("all", shop, A_JOB))
    await running.host.apply(JOBS, job(shop))
    await running.everywhere(JOBS, "once", shop, bool)
    return shop


async def test_a_job_that_ended_and_went_is_over_there_and_still_counts(
    running: Federated, started: str
) -> None:
    await ends(running, "m1", started)
    await goes(running, "m1", started)
    binding = await told(running, started, "m1", "Finished")
    assert (result(binding, "m1")["health"], result(binding, "m1")["applied"]) == ("Healthy", True)
    await again(running)
    await ends(running, "m2", started)
    whole = await running.host.until(
        JOBS, "once", started, lambda j: j and condition(j, "Complete") == "True"
    )
    assert whole["status"]["succeeded"] == 2
    await told(running, started, "m1", "Finished")


async def test_a_job_that_went_before_its_end_is_made_again(running: Federated, started: str) -> None:
    first = await running.members["m1"].until(JOBS, "once", started, bool)
    await recorded(running, started, "m1", "m2")
    await goes(running, "m1", started)
    await another(running.members["m1"], started, first["metadata"]["uid"])


@pytest.mark.soak
async def test_a_job_that_ended_and_went_while_nobody_watched_is_not_started_again(
    running: Federated, started: str
) -> None:
    await recorded(running, started, "m1", "m2")
    await running.stop()
    await ends(running, "m1", started)
    await goes(running, "m1", started)
    await running.start()
    binding = await told(running, started, "m1", "GoneUnseen")
    assert not result(binding, "m1")["applied"]
    assert "delete the template and apply it anew" in result(binding, "m1")["message"]


@pytest.mark.soak
async def test_a_list_that_lacks_a_job_does_not_tell_how_it_went(
    running: Federated, started: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a watch that was expired."""
    await recorded(running, started, "m1", "m2")
    assert running.federation is not None
    member = running.federation.fleet.get("m1")
    assert member is not None
    listed = member.api.list

    async def meanwhile(resource: Resource, **more: Any) -> AsyncIterator[Any]:
        if resource == JOBS:
            await goes(running, "m1", started)
        async for page in listed(resource, **more):
            yield page

    monkeypatch.setattr(member.api, "list", meanwhile)
    mirror = member.copies[JOBS]
    assert mirror is not None
    mirror.relist()
    await told(running, started, "m1", "GoneUnseen")


@pytest.mark.soak
async def test_the_end_of_all_is_the_end_where_it_never_ran(running: Federated, shop: str) -> None:
    only = {"clusterAffinity": {"clusterNames": ["m1"]}}
    await running.host.apply(POLICIES, policy("all", shop, A_JOB, placement=only))
    await running.host.apply(JOBS, job(shop))
    await ends(running, "m1", shop, "Failed")
    await running.host.until(JOBS, "once", shop, lambda j: j and condition(j, "Failed") == "True")
    await running.host.apply(POLICIES, policy("all", shop, A_JOB))
    await told(running, shop, "m2", "Finished")


@pytest.mark.soak
async def test_another_job_of_the_name_runs_anew(running: Federated, started: str) -> None:
    for member in running.members:
        await ends(running, member, started)
        await goes(running, member, started)
        await told(running, started, member, "Finished")
    await running.host.delete(JOBS, "once", started)
    await running.host.apply(JOBS, job(started))
    await running.everywhere(JOBS, "once", started, bool)


@pytest.mark.soak
async def test_a_cluster_that_leaves_the_placement_and_comes_back_does_not_run_it_again(
    running: Federated, started: str
) -> None:
    await ends(running, "m1", started)
    await running.host.until(BINDINGS, RECORD, started, lambda b: result(b, "m1").get("status"))
    only = {"clusterAffinity": {"clusterNames": ["m2"]}}
    await running.host.apply(POLICIES, policy("all", started, A_JOB, placement=only))
    await running.members["m1"].until(JOBS, "once", started, absent)
    left = await running.host.until(BINDINGS, RECORD, started, lambda b: observed(b, 2))
    assert "1/1 clusters" in next(
        c["message"] for c in left["status"]["conditions"] if c["type"] == "Applied"
    )
    await again(running)
    await running.host.apply(POLICIES, policy("all", started, A_JOB))
    await told(running, started, "m1", "Finished")


@pytest.mark.soak
async def test_what_has_ended_in_a_cluster_does_not_leave_it_to_run_again_elsewhere(
    running: Federated, started: str
) -> None:
    host, federation = running.host, running.federation
    assert federation is not None
    one = {"spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 1}]}
    await host.apply(POLICIES, policy("beside", started, A_CONFIGMAP, placement=one))
    await host.apply(CONFIGMAPS, configmap("beside", started, a="1"))
    await host.until(BINDINGS, "beside.configmaps", started, lambda b: targets(b) == ["m1"])
    await ends(running, "m1", started)
    await host.until(BINDINGS, RECORD, started, lambda b: result(b, "m1").get("status"))
    await taint(running, {"key": "example.com/maintenance", "effect": "NoExecute"})
    try:
        await host.until(BINDINGS, "beside.configmaps", started, lambda b: targets(b) == ["m2"])
        await at_rest(running)
        assert targets(await host.get(BINDINGS, RECORD, started)) == ["m1", "m2"]
        assert federation.evict.again(Ref(JOBS, started, "once")) is None
    finally:
        await taint(running)


@pytest.mark.soak
@pytest.mark.parametrize("collected", [False, True], ids=["", "with a garbage collector"])
async def test_what_is_left_of_an_earlier_job_is_not_taken_for_another_of_the_name(
    running: Federated, started: str, collected: bool
) -> None:
    """As a Helm hook is deleted and made anew at once."""
    former = {}
    for name, member in running.members.items():
        await ends(running, name, started)
        former[name] = (await member.until(JOBS, "once", started, bool))["metadata"]["uid"]
    await running.host.until(JOBS, "once", started, lambda j: j and condition(j, "Complete") == "True")
    await running.host.delete(JOBS, "once", started)
    await running.host.apply(JOBS, job(started))
    if collected:
        await running.host.delete(BINDINGS, RECORD, started)
    for name, member in running.members.items():
        await another(member, started, former[name])
    anew = await running.host.until(JOBS, "once", started, bool)
    assert condition(anew, "Complete") is None


@pytest.mark.soak
async def test_a_pod_that_is_to_run_once_runs_once(running: Federated, shop: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop}}
    for cluster in (running.host, *running.members.values()):  # no controller makes it here
        await cluster.apply(NAMESPACES, namespace)
        await cluster.apply(ACCOUNTS, account | {"metadata": {"name": "default", "namespace": shop}})
    await running.host.apply(POLICIES, policy("all", shop, A_POD))
    spec = {"restartPolicy": "OnFailure", "containers": [{"name": "c", "image": "a:1"}]}
    metadata = {"name": "once", "namespace": shop}
    await running.host.apply(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    for name, member in running.members.items():
        await member.until(PODS, "once", shop, bool)
        await member.api.patch(
            PODS, "once", shop, {"status": {"phase": "Succeeded"}}, manager="kubelet", subresource="status"
        )
        await member.api.request("DELETE", PODS.path(shop, "once"), query={"gracePeriodSeconds": "0"})
        await finished(running, shop, name)
    await running.host.until(PODS, "once", shop, lambda p: p and p["status"]["phase"] == "Succeeded")
    await at_rest(running)
    for member in running.members.values():
        assert absent(await member.get(PODS, "once", shop))
