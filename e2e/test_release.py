"""A new image reaches the pods of three members in steps, within the bounds, and its traces go."""

from __future__ import annotations

import pytest

from e2e.fleet import Fleet
from e2e.releases import NEW, OLD, SHARES, Web, within_bounds
from e2e.scenarios import goes_in_steps, kubectl_waits
from tests.federated import GROUP, OVERRIDES

pytestmark = pytest.mark.timeout(300)


async def test_a_release_goes_in_steps_and_leaves_no_trace(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await goes_in_steps(web, [1, 5, 10])
    await fleet.kubectl("host", "-n", namespace, "rollout", "status", web.name, "--timeout=30s")


async def test_ten_batches_add_a_tenth_of_the_pods_each(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(batches=10)
    async with web.filmed() as footage:
        await web.change(NEW)
        run = await web.reaches("Completed")
    within_bounds(footage, down=1)
    assert [step["target"] for step in run["steps"]] == list(range(1, 11))
    await web.is_everywhere(NEW)


async def test_a_canary_cluster_comes_first_and_the_others_after_approval(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    canary = {"name": "canary", "clusters": {"clusterNames": ["m3"]}, "approval": "Manual"}
    await web.begin(steps=[canary | {"updated": "100%"}, {"updated": "100%"}], maxUnavailable=3)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.reaches("AwaitingApproval")
        assert {name: footage.most(NEW, name) for name in SHARES} == {"m1": 0, "m2": 0, "m3": 2}
        await web.verb("approve")
        await web.reaches("Completed")
    within_bounds(footage, down=3)
    await web.is_everywhere(NEW)


async def test_a_pause_in_mid_step_holds_until_it_is_resumed(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=[{"updated": "100%"}], maxUnavailable=1)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.run(1, lambda status: status["permitted"] >= 2)
        await web.steer(1, paused=True)
        paused = await web.reaches("Paused")
        await web.is_looked_at_again()
        assert footage.most(NEW) <= paused["permitted"] < 10
        await web.verb("resume")
        await web.reaches("Completed")
    within_bounds(footage, down=1)
    await web.is_everywhere(NEW)


async def test_kubectl_rollout_status_on_the_host_waits_for_the_whole_release(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=[{"updated": 5, "approval": "Manual"}, {"updated": "100%"}])
    await kubectl_waits(web, "successfully rolled out")


async def test_an_override_that_changes_the_image_of_one_cluster_is_released_in_steps(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=[{"updated": "10%", "approval": "Manual"}, {"updated": "100%"}], maxUnavailable=1)
    async with web.filmed() as footage:
        await fleet.host.apply(OVERRIDES, _other_image_in("m2", namespace))
        await web.reaches("AwaitingApproval")
        assert footage.now(NEW) <= 1
        await web.verb("approve")
        await web.reaches("Completed")
    within_bounds(footage, down=1)
    for name, pods in SHARES.items():
        await web.is_everywhere(NEW if name == "m2" else OLD, {name: pods})


def _other_image_in(cluster: str, namespace: str) -> dict[str, object]:
    replaced = {"component": "Tag", "operator": "replace", "value": NEW.rpartition(":")[2]}
    rule = {"targetCluster": {"clusterNames": [cluster]}, "overriders": {"imageOverrider": [replaced]}}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "OverridePolicy",
        "metadata": {"name": "image", "namespace": namespace},
        "spec": {
            "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
            "overrideRules": [rule],
        },
    }
