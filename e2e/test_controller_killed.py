"""kill -9 of the controller while much changes: the state comes out right, and nothing is written twice."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from e2e.fleet import Fleet
from e2e.ledger import kept
from federation.kube.resources import Manifest, Resource
from federation.sandbox.sandbox import CONTROLLER
from tests.federated import (
    CONFIGMAPS,
    DEPLOYMENTS,
    POLICIES,
    Cluster,
    configmap,
    deployment,
    eventually,
    policy,
    selects,
)

pytestmark = pytest.mark.timeout(400)

SEED = 20
CHANGED = [f"changed-{number:03}" for number in range(150)]
DELETED = [f"deleted-{number:03}" for number in range(50)]
EVERY_FOURTH = 4
"""One of so many objects is a Deployment without pods, the others are ConfigMaps."""
LABELS = {"app": "burst"}
CONVERGED = 60.0


async def test_kills_amid_two_hundred_changing_objects_leave_the_right_state_and_write_nothing_twice(
    fleet: Fleet, namespace: str
) -> None:
    chosen = [selects(version, kind, labelSelector={"matchLabels": LABELS}) for version, kind in KINDS]
    await fleet.host.apply(POLICIES, policy("all", namespace, *chosen))
    points = random.Random(SEED)
    async with AsyncExitStack() as stack:
        killer = Killer(fleet)
        ledgers = {
            name: await stack.enter_async_context(
                kept(
                    member, (CONFIGMAPS, DEPLOYMENTS), namespace, killer.written if name == "m1" else _ignore
                )
            )
            for name, member in fleet.members.items()
        }
        for image, change in (("web:1", _create), ("web:2", _update_and_delete)):
            killer.after(points.randrange(5, len(CHANGED) // 2))
            await change(fleet.host, namespace, image)
            await killer.revived()
        await _all_hold(fleet, namespace, "web:2")
        for name, ledger in ledgers.items():
            assert len(set(ledger.contents)) == len(ledger.contents), f"{name}: a content came back"
            assert await ledger.applies() <= len(ledger.contents), f"{name}: an apply changed nothing"


BOTH = (CONFIGMAPS, DEPLOYMENTS)
KINDS = (("v1", "ConfigMap"), ("apps/v1", "Deployment"))


class Killer:
    """Kills the controller when so many writes were seen in a member, and has it started again."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._seen = self._at = 0
        self._armed, self._revival = False, asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def after(self, writes: int) -> None:
        """Kill when so many more writes were seen."""
        self._at, self._armed = self._seen + writes, True
        self._revival.clear()

    def written(self, total: int) -> None:
        self._seen = total
        if self._armed and total >= self._at:
            self._armed = False
            self._fleet.kill_controller()
            self._task = asyncio.create_task(self._revive())

    async def revived(self) -> None:
        """Wait until it was killed and leads again."""
        async with asyncio.timeout(CONVERGED):
            await self._revival.wait()

    async def _revive(self) -> None:
        await self._fleet.start(CONTROLLER)
        self._revival.set()


async def _create(host: Cluster, namespace: str, image: str) -> None:
    async with asyncio.TaskGroup() as group:
        for name in (*CHANGED, *DELETED):
            group.create_task(host.apply(*_template(name, namespace, image)))


async def _update_and_delete(host: Cluster, namespace: str, image: str) -> None:
    async with asyncio.TaskGroup() as group:
        for name in CHANGED:
            group.create_task(host.apply(*_template(name, namespace, image)))
        for name in DELETED:
            group.create_task(host.delete(_resource(name), name, namespace))


def _resource(name: str) -> Resource:
    return CONFIGMAPS if int(name[-3:]) % EVERY_FOURTH else DEPLOYMENTS


def _template(name: str, namespace: str, image: str) -> tuple[Resource, Manifest]:
    resource = _resource(name)
    if resource == CONFIGMAPS:
        manifest = configmap(name, namespace, image=image)
    else:
        manifest = deployment(name, namespace, replicas=0, image=image)
    manifest["metadata"]["labels"] = LABELS
    return resource, manifest


async def _all_hold(fleet: Fleet, namespace: str, image: str) -> None:
    """Wait until every member holds exactly the templates that are left, as they are now."""
    for name, member in fleet.members.items():
        for resource in (CONFIGMAPS, DEPLOYMENTS):
            wanted = {template: image for template in CHANGED if _resource(template) == resource}
            await _holds(name, member, resource, namespace, wanted)


async def _holds(
    cluster: str, member: Cluster, resource: Resource, namespace: str, wanted: dict[str, str]
) -> None:
    wrong: set[str] = set()

    async def as_wanted() -> bool:
        held = await _images(member, resource, namespace)
        wrong.clear()
        wrong.update(name for name in held.keys() | wanted.keys() if held.get(name) != wanted.get(name))
        return not wrong

    await eventually(as_wanted, lambda: f"{cluster}: {resource.plural} {sorted(wrong)}", CONVERGED)


async def _images(member: Cluster, resource: Resource, namespace: str) -> dict[str, str]:
    selector = {"labelSelector": "app=burst"}
    items = [
        i
        async for page in member.api.list(resource, namespace=namespace, selector=selector)
        for i in page.items
    ]
    if resource == CONFIGMAPS:
        return {item["metadata"]["name"]: item["data"]["image"] for item in items}
    return {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]["containers"][0]["image"] for item in items
    }


def _ignore(total: int) -> None:
    """Only the writes to one member count for the kills."""
