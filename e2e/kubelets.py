"""Kubelets: plays what those of kwok do not do, restart containers whose image changed in place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from e2e.beside import beside
from federation.kube.errors import Conflict, NotFound
from federation.kube.resources import Manifest
from federation.resources import PODS
from tests.federated import Cluster

IN_PLACE_READY = "InPlaceUpdateReady"
"""The readiness gate by which OpenKruise takes a pod out of service while it is updated."""
PACE = 0.2
"""Seconds between two looks."""


@asynccontextmanager
async def restarting(members: Mapping[str, Cluster], namespace: str) -> AsyncIterator[None]:
    """Restart the containers of a namespace's pods in all members, for the time of a block."""
    async with beside(*(_restart(member, namespace) for member in members.values())):
        yield


async def _restart(member: Cluster, namespace: str) -> None:
    while True:
        async for page in member.api.list(PODS, namespace=namespace):
            for pod in page.items:
                name, told = pod["metadata"]["name"], _status(pod)
                if told.items() <= pod["status"].items():
                    continue
                version = {"resourceVersion": pod["metadata"]["resourceVersion"]}
                with suppress(Conflict, NotFound):  # until the next look
                    await member.api.patch(
                        PODS, name, namespace, {"metadata": version, "status": told},
                        manager="kubelet", subresource="status",
                    )  # fmt: skip
        await asyncio.sleep(PACE)


def _status(pod: Manifest) -> Manifest:
    """Return what a kubelet says of a pod that runs: its images are there, and it is ready by its gate."""
    if pod["status"].get("phase") != "Running":
        return {}
    images = {container["name"]: container["image"] for container in pod["spec"]["containers"]}
    containers = [
        each | dict.fromkeys(("image", "imageID"), images[each["name"]])
        for each in pod["status"]["containerStatuses"]
    ]
    gate = next(each["status"] for each in pod["status"]["conditions"] if each["type"] == IN_PLACE_READY)
    conditions = [
        each | {"status": gate} if each["type"] == "Ready" else each for each in pod["status"]["conditions"]
    ]
    return {"conditions": conditions, "containerStatuses": containers}
