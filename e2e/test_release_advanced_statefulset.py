"""Advanced StatefulSets of OpenKruise are released in steps by OpenKruise itself, in the order of their pods.

They hold as a StatefulSet does, several at a time where their user says so, and past ordinals that are
reserved. OpenKruise takes minutes to build: for a soak only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from e2e import kruise_manager
from e2e.fleet import Fleet
from e2e.kruise import served
from e2e.kubelets import IN_PLACE_READY, restarting
from e2e.releases import DONE, NEW, OLD, SHARES, Kind, Web, image_of, within_bounds
from e2e.scenarios import (
    HALF_THEN_ALL,
    goes_in_steps,
    is_mended_after_a_halt,
    is_scaled_in_mid_batch,
    is_superseded_half_out,
    is_superseded_in_mid_batch,
    is_taken_back_after_a_halt,
    mends_what_is_broken,
)
from federation.kube.resources import Manifest, Resource
from federation.resources import PODS
from federation.sandbox.sandbox import Sandbox
from policies.release.pods import is_ready

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

STATEFUL_SETS = Resource("apps.kruise.io", "v1beta1", "statefulsets", "StatefulSet")
COUNTED = (STATEFUL_SETS, "replicas", "updatedReplicas", "updatedReadyReplicas")
ORDER = {
    "priorityStrategy": {"weightPriority": [{"weight": 1, "matchSelector": {"matchLabels": {"a": "b"}}}]}
}
IN_ORDER: Manifest = {"podManagementPolicy": "OrderedReady"}
IN_PARALLEL: Manifest = {
    "podManagementPolicy": "Parallel",
    "updateStrategy": {
        "rollingUpdate": {"maxUnavailable": 2, "paused": False, "unorderedUpdate": ORDER},
    },
}
POLICIES = [pytest.param(IN_ORDER, id="OrderedReady"), pytest.param(IN_PARALLEL, id="Parallel")]


@pytest.fixture(scope="module", autouse=True)
def by_openkruise(full_sandbox: Sandbox) -> Iterator[None]:
    """Host and members serve the kind; OpenKruise controls it in the members."""
    with served(full_sandbox, STATEFUL_SETS), kruise_manager.controlled(full_sandbox, STATEFUL_SETS):
        yield


@pytest.fixture
async def web(fleet: Fleet, namespace: str, request: pytest.FixtureRequest) -> AsyncIterator[Web]:
    spec = {"serviceName": "web", **getattr(request, "param", IN_ORDER)}
    yield (web := Web(fleet, namespace, Kind(*COUNTED, spec)))
    await web.end()


def with_policy(*specs: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("web", specs, indirect=True)


@with_policy(*POLICIES, pytest.param({"updateStrategy": {"type": "OnDelete"}}, id="OnDelete"))
async def test_a_release_goes_in_steps_and_leaves_no_trace(web: Web) -> None:
    await goes_in_steps(web, [1, 5, 10])


async def test_the_same_goes_for_the_version_before_which_tells_less(fleet: Fleet, namespace: str) -> None:
    before = STATEFUL_SETS._replace(version="v1alpha1")
    spec = {"serviceName": "web", **IN_PARALLEL}
    web = Web(fleet, namespace, Kind(before, "replicas", "updatedReplicas", "readyReplicas", spec))
    await goes_in_steps(web, [1, 5, 10])
    await web.end()


@with_policy(pytest.param(IN_PARALLEL | {"reserveOrdinals": [1, "3-4"]}, id="reserved"))
async def test_the_last_pods_go_and_ordinals_that_are_reserved_do_not_count(web: Web) -> None:
    await web.begin(steps=HALF_THEN_ALL, maxUnavailable=2)
    await web.change(NEW)
    run = await web.reaches("AwaitingApproval")
    for cluster in run["clusters"]:
        name, kept = cluster["name"], cluster["replicas"] - cluster["permitted"]
        ordinals = [0, 2, 5, 6, 7][: SHARES[name]]
        assert await _images(web, name) == {
            ordinal: OLD if place < kept else NEW for place, ordinal in enumerate(ordinals)
        }
        strategy = (await web.copy(name, bool))["spec"]["updateStrategy"]
        rules = {"partition": kept, "maxUnavailable": 2, "minReadySeconds": 0, "podUpdatePolicy": "ReCreate"}
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": rules}


async def _images(web: Web, cluster: str) -> dict[int, str]:
    """Return the images of the pods by ordinal."""
    return {
        int(pod["metadata"]["name"].removeprefix("web-")): image_of({"spec": {"template": pod}})
        for pod in await _pods(web, cluster)
    }


async def _pods(web: Web, cluster: str) -> list[Manifest]:
    pages = web.fleet.members[cluster].api.list(PODS, namespace=web.namespace)
    return [pod async for page in pages for pod in page.items]


class InPlace(Kind):
    """Its pods have the readiness gate that updates in place demand."""

    def manifest(self, namespace: str, image: str, replicas: int) -> Manifest:
        made = super().manifest(namespace, image, replicas)
        made["spec"]["template"]["spec"]["readinessGates"] = [{"conditionType": IN_PLACE_READY}]
        return made


@pytest.mark.parametrize("policy", ["InPlaceIfPossible", "InPlaceOnly"])
async def test_pods_that_are_updated_in_place_go_in_steps_and_stay_what_they_are(
    fleet: Fleet, namespace: str, policy: str
) -> None:
    rules = {"podUpdatePolicy": policy, "inPlaceUpdateStrategy": {"gracePeriodSeconds": 1}}
    spec = {"serviceName": "web", "updateStrategy": {"rollingUpdate": rules}}
    web = Web(fleet, namespace, InPlace(*COUNTED, spec))
    async with restarting(fleet.members, namespace):
        await web.begin(steps=HALF_THEN_ALL, maxUnavailable=2)
        before = [await _pods(web, name) for name in SHARES]
        async with web.filmed() as footage:
            await web.change(NEW)
            await web.reaches("AwaitingApproval")
            assert footage.now(NEW) == 5
            await web.steer(1, approvedStep=1)
            await web.reaches("Completed")
        within_bounds(footage, down=2)
        after = [await _pods(web, name) for name in SHARES]
    assert [[pod["metadata"]["uid"] for pod in pods] for pods in after] == [
        [pod["metadata"]["uid"] for pod in pods] for pods in before
    ]
    await web.end()


@with_policy(*POLICIES)
async def test_a_crashing_revision_halts_the_release_and_an_abort_takes_it_back(web: Web) -> None:
    await is_taken_back_after_a_halt(web, down=2 + 3)  # what was down, and one at a time in each cluster


@with_policy(*POLICIES)
async def test_a_mended_revision_takes_the_place_of_one_that_halted(web: Web) -> None:
    await is_mended_after_a_halt(web)


@with_policy(*POLICIES)
async def test_a_newer_revision_takes_the_place_of_one_that_is_half_out(web: Web) -> None:
    await is_superseded_half_out(web)


async def test_a_newer_revision_in_mid_batch_stays_within_the_bounds(web: Web) -> None:
    await is_superseded_in_mid_batch(web)


@with_policy(pytest.param(IN_PARALLEL, id="Parallel"))
async def test_what_never_ran_is_mended(web: Web) -> None:
    await mends_what_is_broken(web)


@with_policy(
    *POLICIES,
    pytest.param(IN_ORDER | {"reserveOrdinals": [1]}, id="reserved"),
    pytest.param(IN_PARALLEL | {"ordinals": {"start": 5}}, id="a start without its feature gate"),
)
async def test_scaling_in_mid_batch_lets_no_pod_go(web: Web) -> None:
    await is_scaled_in_mid_batch(web)


async def test_where_the_last_pods_of_the_revision_before_are_lost_what_comes_uninvited_is_counted(
    web: Web,
) -> None:
    """OpenKruise forgets the revision before when all pods that are there are of the new one."""
    await web.begin(steps=HALF_THEN_ALL, maxUnavailable=2)
    await web.change(NEW)
    await web.reaches("AwaitingApproval")
    assert await _images(web, "m3") == {0: OLD, 1: NEW}
    await _lose(web, "m3", "web-0")
    await web.copy("m3", _has_forgotten)
    await _lose(web, "m3", "web-0")
    assert await _images(web, "m3") == {0: NEW, 1: NEW}
    await web.run(1, lambda status: status["permitted"] == status["updated"] == 6)
    await web.steer(1, approvedStep=1)
    await web.reaches("Completed")
    await web.is_everywhere(NEW)


async def _lose(web: Web, cluster: str, pod: str) -> None:
    """Have a pod deleted by somebody else; wait until another is ready in its place."""
    member = web.fleet.members[cluster]
    lost = await member.get(PODS, pod, web.namespace)
    assert lost is not None
    await member.delete(PODS, pod, web.namespace)
    await member.until(PODS, pod, web.namespace, partial(_is_another, lost), seconds=DONE)


def _is_another(lost: Manifest, pod: Manifest | None) -> bool:
    return pod is not None and pod["metadata"]["uid"] != lost["metadata"]["uid"] and is_ready(pod)


def _has_forgotten(live: Manifest | None) -> bool:
    status = live["status"] if live else {}
    return bool(live) and status["currentRevision"] == status["updateRevision"]
