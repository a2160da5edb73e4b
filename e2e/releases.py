"""A workload that is released in steps, as its user on the host and its members' administrators see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from e2e.fleet import ATOLL, Fleet, names
from e2e.pods import Footage, filmed
from federation.kube.resources import Manifest, Resource
from federation.sandbox.sandbox import HOST
from tests.federated import A_DEPLOYMENT, DEPLOYMENTS, GROUP, POLICIES, deployment, policy

ROLLOUTS = Resource(GROUP, "v1alpha1", "rollouts", "Rollout")
ROLLOUT_POLICIES = Resource(GROUP, "v1alpha1", "rolloutpolicies", "RolloutPolicy")
OLD, NEW, NEWER = (f"registry.example/web:{number}" for number in (1, 2, 3))
SHARES = {"m1": 5, "m2": 3, "m3": 2}
"""How the ten pods are placed."""
WEB = "deployment/web"
DONE = 90.0
"""Seconds in which a release of ten pods is done, on a busy machine too."""
CRASHES, NEVER_READY = "sandbox.atoll.dev/crash", "sandbox.atoll.dev/unready"
"""Annotations of a pod template: how its pods fail."""


@dataclass(frozen=True)
class Web:
    """The Deployment `web` in a namespace of its own."""

    fleet: Fleet
    namespace: str

    # What its user does

    async def begin(self, *, fate: str = "", **strategy: Any) -> dict[str, Manifest]:
        """Run the old image everywhere, governed by a strategy; the specs that the members have then."""
        await self.fleet.host.apply(
            POLICIES, policy("web", self.namespace, A_DEPLOYMENT, placement=_placed())
        )
        await self.fleet.host.apply(ROLLOUT_POLICIES, rollout_policy(self.namespace, **strategy))
        await self.change(OLD, fate=fate)
        count = "replicas" if fate else "readyReplicas"
        return {name: await self._running(name, count, pods) for name, pods in SHARES.items()}

    async def _running(self, cluster: str, count: str, pods: int) -> Manifest:
        live = await self.copy(cluster, lambda d: d and d.get("status", {}).get(count) == pods)
        spec: Manifest = live["spec"]
        return spec

    async def change(self, image: str, *, replicas: int = 10, fate: str = "", **labels: str) -> None:
        """Apply the Deployment on the host; `fate` says how the pods of this revision fail."""
        manifest = deployment("web", self.namespace, replicas=replicas, image=image)
        manifest["metadata"]["labels"] |= labels
        if fate:
            manifest["spec"]["template"]["metadata"]["annotations"] = {fate: "true"}
        await self.fleet.host.apply(DEPLOYMENTS, manifest)

    async def verb(self, verb: str, *options: str) -> str:
        """Steer the newest run with the command a person would use; what it prints."""
        return await self.fleet.atoll("rollout", verb, WEB, "-n", self.namespace, *options)

    async def steer(self, number: int, **verbs: Any) -> None:
        """Write verbs into a run, in no more time than a request takes."""
        run, body = f"web-{number}", {"spec": verbs}
        await self.fleet.host.api.patch(ROLLOUTS, run, self.namespace, body, manager="person")

    async def exit_code(self) -> int:
        """What `atoll rollout status` ends with."""
        words = ("rollout", "status", WEB, "-n", self.namespace)
        process = await asyncio.create_subprocess_exec(
            ATOLL, *words, f"--kubeconfig={self.fleet.sandbox.kubeconfig}", f"--context={HOST}",
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        return await process.wait()

    # What is so

    async def run(self, number: int, holds: Callable[[Manifest], Any], seconds: float = DONE) -> Manifest:
        """Wait until the status of a run holds; the status then."""
        run = await self.fleet.host.until(
            ROLLOUTS,
            f"web-{number}",
            self.namespace,
            lambda r: r and "status" in r and holds(r["status"]),
            seconds=seconds,
        )
        status: Manifest = run["status"]
        return status

    async def reaches(self, phase: str, number: int = 1, seconds: float = DONE) -> Manifest:
        """Wait until a run is in a phase; its status then."""
        return await self.run(number, lambda status: status["phase"] == phase, seconds)

    async def runs(self) -> list[str]:
        return sorted(await names(self.fleet.host, ROLLOUTS, self.namespace))

    async def is_looked_at_again(self) -> None:
        """Have everything about the workload decided once more: a label reaches every member."""
        label = {"metadata": {"labels": {"looked-at": "again"}}}
        await self.fleet.host.api.patch(DEPLOYMENTS, "web", self.namespace, label, manager="person")
        for name in SHARES:
            await self.copy(name, lambda d: d and d["metadata"]["labels"].get("looked-at") == "again")

    async def copy(self, cluster: str, holds: Callable[[Manifest | None], Any]) -> Manifest:
        """Wait until the Deployment in a member holds."""
        return await self.fleet.members[cluster].until(
            DEPLOYMENTS, "web", self.namespace, holds, seconds=DONE
        )

    async def is_everywhere(self, image: str, replicas: Mapping[str, int] = SHARES) -> None:
        """Wait until all pods of all members are at an image, and ready."""
        for name, pods in replicas.items():
            await self.copy(name, partial(_is_at, image, pods))

    @asynccontextmanager
    async def filmed(self, *clusters: str, runs: Mapping[str, int] | None = None) -> AsyncIterator[Footage]:
        """Film the pods of some clusters, or of all.

        :param runs: by image, the number of the run that releases it; by default the first releases NEW.
        """
        members = {name: self.fleet.members[name] for name in clusters or SHARES}
        numbers = {NEW: 1} if runs is None else runs

        async def permitted(cluster: str, image: str) -> int | None:
            return await self._permitted(cluster, numbers[image]) if image in numbers else None

        async with filmed(members, self.namespace, permitted) as footage:
            yield footage

    async def _permitted(self, cluster: str, number: int) -> int:
        run = await self.fleet.host.get(ROLLOUTS, f"web-{number}", self.namespace)
        clusters = run.get("status", {}).get("clusters", []) if run else []
        for each in clusters:
            if each["name"] == cluster:
                pods: int = each["replicas" if each["state"] == "Released" else "permitted"]
                return pods
        return 0


def rollout_policy(namespace: str, **strategy: Any) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "RolloutPolicy",
        "metadata": {"name": "steps", "namespace": namespace},
        "spec": {"resourceSelectors": [A_DEPLOYMENT], **strategy},
    }


def _placed() -> Manifest:
    """Ten replicas as SHARES say."""
    weights = [{"targetCluster": {"clusterNames": [name]}, "weight": share} for name, share in SHARES.items()]
    return {"replicaScheduling": {"weightPreference": {"staticWeightList": weights}}}


def image_of(live: Manifest) -> str:
    image: str = live["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def _is_at(image: str, pods: int, live: Manifest | None) -> bool:
    return live is not None and _all_at(live, image, pods)


def _all_at(live: Manifest, image: str, pods: int) -> bool:
    status = live.get("status", {})
    seen = status.get("observedGeneration") == live["metadata"]["generation"]
    counts = [status.get(count, 0) for count in ("replicas", "updatedReplicas", "readyReplicas")]
    return seen and image_of(live) == image and counts == [pods] * 3


def within_bounds(footage: Footage, down: int, ready: int = 10) -> None:
    """Say that never more pods were new than permitted, and never more than so many down."""
    assert footage.beyond == [], "more pods than were permitted"
    assert footage.fewest_ready >= ready - down, f"{ready - footage.fewest_ready} were down, {down} allowed"
