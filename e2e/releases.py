"""A workload that is released in steps, as its user on the host and its members' administrators see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from e2e.fleet import ATOLL, CLEANED, OURS, Fleet, names
from e2e.pods import Footage, filmed
from federation.kube.resources import Manifest, Resource
from federation.sandbox.sandbox import HOST
from tests.federated import (
    DEPLOYMENTS,
    GROUP,
    POLICIES,
    deployment,
    eventually,
    policy,
    rollout_policy,
    selects,
)

ROLLOUTS = Resource(GROUP, "v1alpha1", "rollouts", "Rollout")
ROLLOUT_POLICIES = Resource(GROUP, "v1alpha1", "rolloutpolicies", "RolloutPolicy")
OLD, NEW, NEWER = (f"registry.example/web:{number}" for number in (1, 2, 3))
SHARES = {"m1": 5, "m2": 3, "m3": 2}
"""How the ten pods are placed."""
DONE = 90.0
"""Seconds in which a release of ten pods is done, on a busy machine too."""
CRASHES, NEVER_READY = "sandbox.atoll.dev/crash", "sandbox.atoll.dev/unready"
"""Annotations of a pod template: how its pods fail."""


@dataclass(frozen=True)
class Kind:
    """A kind of workload, as these scenarios need it."""

    resource: Resource
    total: str
    updated: str
    ready: str
    """The names of the counters of its status."""
    spec: Manifest = field(default_factory=dict)
    """What its spec has and a Deployment's has not."""
    divided: bool = True
    """Its spec has replicas."""

    def manifest(self, namespace: str, image: str, replicas: int) -> Manifest:
        made = deployment("web", namespace, replicas=replicas, image=image)
        spec = made["spec"] | self.spec
        if not self.divided:
            del spec["replicas"]
        names = {"apiVersion": self.resource.api_version, "kind": self.resource.kind}
        return made | names | {"spec": spec}

    @property
    def selector(self) -> Manifest:
        return selects(self.resource.api_version, self.resource.kind)


DEPLOYMENT = Kind(DEPLOYMENTS, "replicas", "updatedReplicas", "readyReplicas")


@dataclass(frozen=True)
class Web:
    """The workload `web` in a namespace of its own."""

    fleet: Fleet
    namespace: str
    kind: Kind = DEPLOYMENT
    shares: Mapping[str, int] = field(default_factory=lambda: SHARES)
    """Pods by member."""

    @property
    def pods(self) -> int:
        """How many there are."""
        return sum(self.shares.values())

    @property
    def name(self) -> str:
        """How commands name it."""
        kind, group = self.kind.resource.kind.lower(), self.kind.resource.group
        return f"{kind}.{group}/web" if "." in group else f"{kind}/web"

    # What its user does

    async def begin(self, *, fate: str = "", **strategy: Any) -> dict[str, Manifest]:
        """Run the old image everywhere, governed by a strategy; the specs that the members have then."""
        placement = {"placement": _placed(self.shares)} if self.kind.divided else {}
        placed = policy("web", self.namespace, self.kind.selector, **placement)
        await self.fleet.host.apply(POLICIES, placed)
        await self.govern(**strategy)
        await self.change(OLD, fate=fate)
        count = self.kind.total if fate else self.kind.ready
        return {name: await self._running(name, count, pods) for name, pods in self.shares.items()}

    async def govern(self, **strategy: Any) -> None:
        """Have it released by a strategy."""
        governing = rollout_policy("steps", self.namespace, self.kind.selector, **strategy)
        await self.fleet.host.apply(ROLLOUT_POLICIES, governing)

    async def _running(self, cluster: str, count: str, pods: int) -> Manifest:
        live = await self.copy(cluster, lambda d: d and d.get("status", {}).get(count) == pods)
        spec: Manifest = live["spec"]
        return spec

    async def change(self, image: str, *, replicas: int = 10, fate: str = "", **labels: str) -> None:
        """Apply it on the host; `fate` says how the pods of this revision fail."""
        manifest = self.kind.manifest(self.namespace, image, replicas)
        manifest["metadata"]["labels"] |= labels
        if fate:
            manifest["spec"]["template"]["metadata"]["annotations"] = {fate: "true"}
        await self.fleet.host.apply(self.kind.resource, manifest)

    async def end(self) -> None:
        """Delete it on the host; wait until no member has a copy."""
        await self.fleet.host.delete(self.kind.resource, "web", self.namespace)
        await eventually(self._is_gone, lambda: "copies are left", CLEANED)

    async def _is_gone(self) -> bool:
        members, resource = self.fleet.members.values(), self.kind.resource
        return not any([await names(member, resource, self.namespace, OURS) for member in members])

    async def verb(self, verb: str, *options: str) -> str:
        """Steer the newest run with the command a person would use; what it prints."""
        return await self.fleet.atoll("rollout", verb, self.name, "-n", self.namespace, *options)

    async def steer(self, number: int, **verbs: Any) -> None:
        """Write verbs into a run, in no more time than a request takes."""
        run, body = f"web-{number}", {"spec": verbs}
        await self.fleet.host.api.patch(ROLLOUTS, run, self.namespace, body, manager="person")

    async def exit_code(self) -> int:
        """What `atoll rollout status` ends with."""
        words = ("rollout", "status", self.name, "-n", self.namespace)
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
        resource = self.kind.resource
        await self.fleet.host.api.patch(resource, "web", self.namespace, label, manager="person")
        for name in self.shares:
            await self.copy(name, lambda d: d and d["metadata"]["labels"].get("looked-at") == "again")

    async def copy(self, cluster: str, holds: Callable[[Manifest | None], Any]) -> Manifest:
        """Wait until the copy in a member holds."""
        return await self.fleet.members[cluster].until(
            self.kind.resource, "web", self.namespace, holds, seconds=DONE
        )

    async def is_everywhere(self, image: str, replicas: Mapping[str, int] | None = None) -> None:
        """Wait until all pods of all members are at an image, and ready."""
        for name, pods in (self.shares if replicas is None else replicas).items():
            await self.copy(name, partial(self._is_at, image, pods))

    def _is_at(self, image: str, pods: int, live: Manifest | None) -> bool:
        return live is not None and self._all_at(live, image, pods)

    def _all_at(self, live: Manifest, image: str, pods: int) -> bool:
        kind, status = self.kind, live.get("status", {})
        seen = status.get("observedGeneration") == live["metadata"]["generation"]
        counts = [status.get(count, 0) for count in (kind.total, kind.updated, kind.ready)]
        return seen and image_of(live) == image and counts == [pods] * 3

    @asynccontextmanager
    async def filmed(self, *clusters: str, runs: Mapping[str, int] | None = None) -> AsyncIterator[Footage]:
        """Film the pods of some clusters, or of all.

        :param runs: by image, the number of the run that releases it; by default the first releases NEW.
        """
        members = {name: self.fleet.members[name] for name in clusters or self.shares}
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


def _placed(shares: Mapping[str, int]) -> Manifest:
    """Replicas as the shares say."""
    weights = [{"targetCluster": {"clusterNames": [name]}, "weight": share} for name, share in shares.items()]
    return {"replicaScheduling": {"weightPreference": {"staticWeightList": weights}}}


def image_of(live: Manifest) -> str:
    image: str = live["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def within_bounds(footage: Footage, down: int, ready: int = 10) -> None:
    """Say that never more pods were new than permitted, and never more than so many down."""
    assert footage.beyond == [], "more pods than were permitted"
    assert footage.fewest_ready >= ready - down, (
        f"{ready - footage.fewest_ready} were down, {down} allowed\n{footage.at_the_fewest}"
    )
