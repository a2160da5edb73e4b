"""Batched releases: how long a step that is ready waits for the next permission, and what a step costs.

All Deployments of a namespace get a new image at once and are released in ten steps, all runs at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field

from bench.manifests import DEPLOYMENTS, FIRST_IMAGE, GROUP, POLICIES, deployment, image_patch, policy
from bench.player import Player, Seconds, playing
from bench.stage import Stage, names
from bench.writes import without_leases
from federation.kube.api import Api
from federation.kube.resources import Manifest, Resource

ROLLOUTS = Resource(GROUP, "v1alpha1", "rollouts", "Rollout")
_ROLLOUT_POLICIES = Resource(GROUP, "v1alpha1", "rolloutpolicies", "RolloutPolicy")
STEPS, REPLICAS = 10, 40
_NEXT_IMAGE = "registry.example.com/shop/web:2.0"
_DEADLINE = 900.0


@dataclass
class Releases:
    """What some releases at a time took."""

    runs: int
    members: int
    startup: Seconds
    """How long each pod took until it was ready, at least and at most."""
    seconds: float
    """From the new image of the first to the end of the last."""
    waits: list[float]
    """Seconds from the last pod of a step that became ready to the next permission, as the host showed it."""
    host: dict[str, int]
    """Writes to the host by kind, Leases aside."""
    touched: int
    """Clusters that were permitted more, summed over all steps of all runs."""
    member_writes: int


@dataclass
class _Seen:
    """What the host's watch showed."""

    waits: list[float] = field(default_factory=list)
    permitted: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    over: set[str] = field(default_factory=set)
    touched: int = 0

    def take(self, run: Manifest, player: Player, members: list[str]) -> None:
        now, status = time.monotonic(), run.get("status", {})
        name = run["spec"]["workloadRef"]["name"]
        permitted = {c["name"]: c.get("permitted", 0) for c in status.get("clusters", [])}
        before = self.permitted[name]
        more = [cluster for cluster, count in permitted.items() if count > before.get(cluster, 0)]
        if more:
            self.touched += len(more)
            if any(before.values()):
                self.waits.append(now - max(player.ready[member, name] for member in members))
        self.permitted[name] = permitted
        if status.get("phase") == "Completed":
            self.over.add(name)


async def run(stage: Stage, runs: int, startup: Seconds) -> Releases:
    """Release `runs` Deployments at a time, whose pods take so long; the controller leads already."""
    namespace, fleet = f"atoll-release-{runs}-{startup[1]:.0f}", stage.fleet
    members = {name: fleet.apis[name] for name in fleet.members}
    await fleet.make_namespace(namespace)
    async with playing(members, namespace, startup) as player:
        await _begin(fleet.host, namespace, runs, player, list(members))
        await stage.ledger.settle(stage.scale.quiet)
        await stage.ledger.open()
        began = time.monotonic()
        seen = await _released(fleet.host, namespace, runs, player, list(members))
        seconds = time.monotonic() - began
        await stage.ledger.settle(stage.scale.quiet)
        written = {name: without_leases(writes) for name, writes in (await stage.ledger.close()).items()}
    host = {str(write): count for write, count in written.pop("host").items() if count}
    host.pop("PATCH deployments", None)  # the user's own: the new image
    played = sum(count for writes in written.values() for w, count in writes.items() if "status" in str(w))
    total = sum(writes.total() for writes in written.values())
    return Releases(runs, len(members), startup, seconds, seen.waits, host, seen.touched, total - played)


async def _begin(host: Api, namespace: str, runs: int, player: Player, members: list[str]) -> None:
    """Have everything run at a first image, governed."""
    await host.create(POLICIES, policy(namespace), manager="bench")
    await host.create(_ROLLOUT_POLICIES, _steps(namespace), manager="bench")
    for name in names(runs):
        manifest = deployment(name, namespace, FIRST_IMAGE)
        manifest = manifest | {"spec": manifest["spec"] | {"replicas": REPLICAS}}
        await host.create(DEPLOYMENTS, manifest, manager="bench")
    until = time.monotonic() + _DEADLINE
    while len(player.ready) < runs * len(members):
        if time.monotonic() > until:
            raise RuntimeError(f"{len(player.ready)} copies of {runs} Deployments run")
        await asyncio.sleep(0.1)


async def _released(host: Api, namespace: str, runs: int, player: Player, members: list[str]) -> _Seen:
    seen, version = _Seen(), await host.latest(ROLLOUTS)
    async with asyncio.timeout(_DEADLINE), host.watch(ROLLOUTS, version, namespace=namespace) as events:
        images = asyncio.create_task(_new_images(host, namespace, runs))
        async for event in events:
            if event.type in ("ADDED", "MODIFIED"):
                seen.take(event.manifest, player, members)
            if len(seen.over) == runs:
                break
        await images
    return seen


async def _new_images(host: Api, namespace: str, runs: int) -> None:
    strategic = "application/strategic-merge-patch+json"
    for name in names(runs):
        await host.patch(
            DEPLOYMENTS, name, namespace, image_patch(_NEXT_IMAGE), manager="bench", content_type=strategic
        )


def _steps(namespace: str) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "RolloutPolicy",
        "metadata": {"name": "steps", "namespace": namespace},
        "spec": {
            "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
            "batches": STEPS,
            "maxUnavailablePerCluster": "100%",
        },
    }
