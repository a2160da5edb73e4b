"""What has no pods of its own reaches members one by one: old or new, and only where it is permitted."""

from __future__ import annotations

import pytest

from e2e.contents import Settings, Shape
from e2e.fleet import CRON_JOBS, Fleet, binding_of, explained, names
from e2e.releases import DONE, ROLLOUTS
from federation.kube.resources import Manifest
from tests.federated import BINDINGS, CONFIGMAPS, GROUP, OVERRIDES, SERVICES

pytestmark = pytest.mark.timeout(300)

ONE_BY_ONE = [
    {"updated": 1, "approval": "Manual"},
    {"updated": 2, "approval": "Manual"},
    {"updated": "100%"},
]


async def test_a_content_goes_to_one_cluster_after_the_other_as_each_step_is_approved(
    fleet: Fleet, namespace: str
) -> None:
    settings = Settings(fleet, namespace)
    await settings.begin("red", steps=ONE_BY_ONE)
    async with settings.filmed("blue") as film:
        await settings.change("blue")
        for step in (1, 2):
            await settings.waits(step)
            await settings.is_looked_at_again()
            assert list(film.now.values()).count("blue") == film.most["blue"] == step
            await settings.verb("approve")
        run = await settings.reaches("Completed")
        await settings.holds("blue", *fleet.members)
    assert film.beyond == []
    assert (run["replicas"], [step["target"] for step in run["steps"]]) == (3, [1, 2, 3])
    assert run["message"] == "all clusters are at the target revision"


async def test_a_canary_cluster_comes_first_and_labels_of_the_object_go_at_once(
    fleet: Fleet, namespace: str
) -> None:
    settings = Settings(fleet, namespace)
    canary = {"clusters": {"clusterNames": ["m3"]}, "updated": "100%", "approval": "Manual"}
    await settings.begin("red", steps=[canary, {"updated": "100%"}])
    async with settings.filmed("blue") as film:
        await settings.change("blue")
        await settings.waits(1)
        await settings.change("blue", tier="gold")
        for name in fleet.members:
            await settings.copy(name, lambda d: d["metadata"].get("labels", {}).get("tier") == "gold")
        assert film.now == {"m1": "red", "m2": "red", "m3": "blue"}
        await settings.verb("approve")
        await settings.reaches("Completed")
        await settings.holds("blue", *fleet.members)
    assert film.beyond == []
    assert await names(fleet.host, ROLLOUTS, namespace) == ["settings-1"]


async def test_a_rollback_restores_the_old_content_where_the_new_was(fleet: Fleet, namespace: str) -> None:
    settings = Settings(fleet, namespace)
    await settings.begin("red", steps=ONE_BY_ONE)
    await settings.change("blue")
    await settings.waits(1)
    await settings.verb("abort", "--rollback")
    await settings.reaches("RolledBack")
    await settings.holds("red", *fleet.members)
    await settings.is_looked_at_again()
    await settings.holds("red", *fleet.members)
    assert "RolledBack in settings-1" in await settings.verb("history")
    assert "-  color: red" in await settings.verb("diff")
    await settings.verb("undo")
    live = await fleet.host.get(CONFIGMAPS, "settings", namespace)
    assert live is not None
    assert live["data"] == {"color": "red"}


async def test_an_override_of_the_content_is_released_too(fleet: Fleet, namespace: str) -> None:
    settings = Settings(fleet, namespace)
    await settings.begin("red", steps=ONE_BY_ONE, clusterOrder=["m1", "m3", "m2"])
    await fleet.host.apply(OVERRIDES, _blue_in("m2", namespace))
    for step in (1, 2):
        await settings.waits(step)
        await settings.is_looked_at_again()
        await settings.holds("red", *fleet.members)
        await settings.verb("approve")
    await settings.reaches("Completed")
    await settings.holds("blue", "m2")
    await settings.holds("red", "m1", "m3")


def _blue_in(cluster: str, namespace: str) -> Manifest:
    change = {"path": "/data/color", "operator": "replace", "value": "blue"}
    rule = {"targetCluster": {"clusterNames": [cluster]}, "overriders": {"plaintext": [change]}}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "OverridePolicy",
        "metadata": {"name": "color", "namespace": namespace},
        "spec": {
            "resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}],
            "overrideRules": [rule],
        },
    }


def _cron_job(image: str) -> Manifest:
    pod = {"containers": [{"name": "report", "image": image}], "restartPolicy": "Never"}
    spec = {"schedule": "0 4 * * *", "suspend": True, "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    return {"spec": spec}


def _image(live: Manifest) -> str:
    pod = live["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return str(pod["containers"][0]["image"])


async def test_a_cron_job_is_released_by_its_pod_template_and_scheduled_anew_at_once(
    fleet: Fleet, namespace: str
) -> None:
    job = Settings(fleet, namespace, Shape(CRON_JOBS, _cron_job, _image))
    await job.begin("registry.example/report:1", steps=ONE_BY_ONE)
    await job.change("registry.example/report:2")
    await job.waits(1)
    earlier = {"spec": {"schedule": "0 3 * * *"}}
    await fleet.host.api.patch(CRON_JOBS, "settings", namespace, earlier, manager="person")
    for name in fleet.members:
        await job.copy(name, lambda live: live["spec"]["schedule"] == "0 3 * * *")
    images = [_image(await job.copy(name, bool)) for name in fleet.members]
    assert sorted(image[-1] for image in images) == ["1", "1", "2"]
    await job.verb("promote", "--full")
    await job.reaches("Completed")
    await job.holds("registry.example/report:2", *fleet.members)


async def test_objects_of_one_name_have_runs_of_their_own(fleet: Fleet, namespace: str) -> None:
    settings = Settings(fleet, namespace)
    job = Settings(fleet, namespace, Shape(CRON_JOBS, _cron_job, _image))
    await settings.begin("red", batches=1)
    await job.begin("registry.example/report:1", batches=1)
    await settings.change("blue")
    await settings.reaches("Completed")
    await job.change("registry.example/report:2")
    await job.reaches("Completed", "settings-cronjobs-1")
    await job.holds("registry.example/report:2", *fleet.members)


def _service(port: str) -> Manifest:
    kind = "ClusterIP" if port == "80" else "LoadBalancer"
    return {"spec": {"type": kind, "selector": {"app": "web"}, "ports": [{"port": int(port)}]}}


def _port(live: Manifest) -> str:
    return str(live["spec"]["ports"][0]["port"])


async def test_what_does_not_become_ready_in_the_first_cluster_goes_to_no_other(
    fleet: Fleet, namespace: str
) -> None:
    """Nothing gives load balancers addresses here."""
    service = Settings(fleet, namespace, Shape(SERVICES, _service, _port))
    await service.begin("80", batches=3, progressDeadlineSeconds=10, maxUnavailable=1)
    async with service.filmed("81") as film:
        await service.change("81")
        run = await service.reaches("Halted")
        await service.is_looked_at_again()
    assert run["reason"] == "ProgressDeadlineExceeded"
    assert (film.most["81"], film.beyond) == (1, [])


async def test_a_content_too_large_for_a_revision_stays_on_the_host_and_says_so(
    fleet: Fleet, namespace: str
) -> None:
    settings = Settings(fleet, namespace)
    await settings.begin("red", batches=1)
    await settings.change('"' * 1_000_000)  # twice as much in JSON
    binding = binding_of(CONFIGMAPS, "settings")
    said = await fleet.host.until(
        BINDINGS, binding, namespace,
        lambda b: explained(b, "Applied")[0] == "RevisionTooLarge", seconds=DONE,
    )  # fmt: skip
    assert "smaller" in explained(said, "Applied")[1]
    await settings.holds("red", *fleet.members)
    await settings.change("x" * 1_000_000)  # as much as a ConfigMap holds, nearly
    await settings.reaches("Completed")
    await settings.holds("x" * 1_000_000, *fleet.members)


async def test_a_plan_counts_clusters(fleet: Fleet, namespace: str) -> None:
    settings = Settings(fleet, namespace)
    await settings.begin("red", steps=ONE_BY_ONE)
    plan = (await settings.verb("plan")).splitlines()
    assert "at most 1 clusters are down at a time" in plan[0]
    assert [line.split()[-3] for line in plan[3:6]] == ["1/3", "2/3", "3/3"]
