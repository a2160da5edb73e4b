"""Replicas that belong to a member: an autoscaler there scales the workload, and nobody fights it."""

from __future__ import annotations

from functools import partial

import pytest

from e2e.fleet import Fleet
from e2e.pods import Footage
from e2e.releases import NEW, Web, image_of
from federation.kube.resources import Manifest
from federation.members.autoscalers import AUTOSCALERS
from policies.copies import FIELD_MANAGER
from tests.federated import DEPLOYMENTS, autoscaler

MOST = 15
"""Pods that the autoscaler makes in a release."""

pytestmark = pytest.mark.timeout(300)


async def test_replicas_are_an_autoscalers_while_there_is_one(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(batches=2)
    await _autoscaled(web, "m1")
    await web.copy("m1", lambda d: d and not _says_replicas(d))
    await _scaled(web, "m1", 8)
    await web.is_looked_at_again()
    live = await web.copy("m1", bool)
    assert live["spec"]["replicas"] == 8
    await fleet.members["m1"].delete(AUTOSCALERS, "web", namespace)
    await web.copy("m1", lambda d: d and d["spec"]["replicas"] == 5 and _says_replicas(d))


async def test_replicas_stay_when_an_autoscaler_has_yet_to_change_them(fleet: Fleet, namespace: str) -> None:
    web = Web(fleet, namespace)
    await web.begin(batches=2)
    async with web.filmed("m1") as footage:
        await _autoscaled(web, "m1")
        await web.copy("m1", lambda d: d and not _says_replicas(d))
        await web.is_looked_at_again()
    assert (await web.copy("m1", bool))["spec"]["replicas"] == 5
    assert footage.moments == []  # not one pod came or went


async def test_a_release_goes_on_while_an_autoscaler_changes_the_number_of_pods(
    fleet: Fleet, namespace: str
) -> None:
    web = Web(fleet, namespace)
    await web.begin(steps=[{"updated": "40%", "approval": "Manual"}, {"updated": "100%"}], maxUnavailable=3)
    await _autoscaled(web, "m1")
    await _scaled(web, "m1", 10)
    async with web.filmed() as footage:
        await web.change(NEW)
        await web.run(1, lambda status: status["replicas"] == 15 and status["phase"] == "AwaitingApproval")
        held = await web.copy("m1", bool)
        assert held["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == "40%"
        for pods in (MOST, 5, 10):
            await _scaled(web, "m1", pods)
            await web.run(1, partial(_is_seen, pods + 5, footage))
        await web.steer(1, approvedStep=1)
        await web.reaches("Completed")
    share = -(-40 * MOST // 100)  # of as many pods as there are: the host notes it once it has seen them
    assert [entry for entry in footage.beyond if entry[2] > share + 1] == []
    done = await web.copy("m1", lambda d: d and d["status"].get("updatedReplicas") == 10)
    assert (image_of(done), done["spec"]["replicas"]) == (NEW, 10)
    assert done["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}


def _is_seen(pods: int, footage: Footage, status: Manifest) -> bool:
    """Whether the run speaks of so many pods, and that is how many there are."""
    return bool(status["replicas"] == footage.pods_there == pods)


async def _autoscaled(web: Web, cluster: str) -> None:
    """Have an autoscaler for the workload in a member."""
    await web.fleet.members[cluster].apply(AUTOSCALERS, autoscaler("web", web.namespace))


async def _scaled(web: Web, cluster: str, replicas: int) -> None:
    """Do what an autoscaler does: write the subresource scale."""
    body = {"spec": {"replicas": replicas}}
    member = web.fleet.members[cluster]
    await member.api.patch(
        DEPLOYMENTS, "web", web.namespace, body, subresource="scale", manager="kube-controller-manager"
    )


def _says_replicas(live: Manifest) -> bool:
    """Whether the field is ours in a member."""
    fields = [
        entry["fieldsV1"] for entry in live["metadata"]["managedFields"] if entry["manager"] == FIELD_MANAGER
    ]
    return any("f:replicas" in each.get("f:spec", {}) for each in fields)
