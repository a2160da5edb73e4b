"""CloneSets: plays OpenKruise's controller of them in the members, which have none, on real pods.

It follows the source of OpenKruise 1.9.1 (pkg/controller/cloneset): one look either scales or updates, by
deleting pods; what its status says is counted from the pods as they were before. It knows counts only:
neither percentages nor updates in place.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from e2e.beside import beside
from e2e.kruise import CLONESETS
from e2e.pods import PODS
from federation.kube.errors import Conflict, Forbidden, NotFound, Unreachable
from federation.kube.resources import Manifest, Resource
from policies.release.pods import is_ready
from tests.federated import Cluster

PACE = 0.2
"""Seconds between two looks."""
_MANAGER = "kruise-manager"
_HASH = "pod-template-hash"
_UNTIL_NEXT_LOOK = (Conflict, NotFound, Forbidden, Unreachable)
"""What passes: an object that changed, a namespace without its ServiceAccount yet, a member that is down."""


@asynccontextmanager
async def controlled(members: Mapping[str, Cluster], namespace: str) -> AsyncIterator[None]:
    """Control the CloneSets of a namespace in all members for the time of a block."""
    async with beside(*(_Controller(member, namespace).run() for member in members.values())):
        yield


@dataclass
class _Controller:
    member: Cluster
    namespace: str
    templates: dict[str, Manifest] = field(default_factory=dict)
    """By name, all revisions there were."""

    async def run(self) -> None:
        while True:
            with suppress(*_UNTIL_NEXT_LOOK):
                for live in await self._listed(CLONESETS):
                    await self._sync(live)
            await asyncio.sleep(PACE)

    async def _listed(self, resource: Resource) -> list[Manifest]:
        pages = self.member.api.list(resource, namespace=self.namespace)
        return [each async for page in pages for each in page.items]

    async def _sync(self, live: Manifest) -> None:
        if "deletionTimestamp" in live["metadata"]:
            return
        revision = _revision(live)
        self.templates[revision] = live["spec"]["template"]
        uid = live["metadata"]["uid"]
        pods = [pod for pod in await self._listed(PODS) if _is_active(pod, uid)]
        look = _Look(live["spec"], pods, revision.rpartition("-")[2])
        current = live.get("status", {}).get("currentRevision") or revision
        await self._act(live, look, current, revision)
        if look.status["updatedReplicas"] == len(pods) == look.replicas:
            current = revision
        status = look.status | {
            "observedGeneration": live["metadata"]["generation"],
            "currentRevision": current,
            "updateRevision": revision,
        }
        if live.get("status") != status:
            await self.member.api.patch(
                CLONESETS, live["metadata"]["name"], self.namespace, {"status": status},
                manager=_MANAGER, subresource="status",
            )  # fmt: skip

    async def _act(self, live: Manifest, look: _Look, current: str, revision: str) -> None:
        """Scale, or update what may be updated."""
        missing = look.replicas - len(look.pods)
        behind = max(0, look.partition - len(look.old))
        for number in range(missing):
            await self._make(live, current if number < behind else revision)
        for pod in look.surplus if missing < 0 else look.outdated if missing == 0 else ():
            await self.member.delete(PODS, pod["metadata"]["name"], self.namespace)

    async def _make(self, live: Manifest, revision: str) -> None:
        template, owner = self.templates[revision], live["metadata"]
        own = {_HASH: revision.rpartition("-")[2], "controller-revision-hash": revision}
        reference = {
            "apiVersion": CLONESETS.api_version, "kind": CLONESETS.kind, "name": owner["name"],
            "uid": owner["uid"], "controller": True, "blockOwnerDeletion": True,
        }  # fmt: skip
        metadata = template["metadata"] | {
            "generateName": f"{owner['name']}-",
            "namespace": self.namespace,
            "labels": template["metadata"]["labels"] | own,
            "ownerReferences": [reference],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        await self.member.api.create(PODS, pod, manager=_MANAGER)


@dataclass(frozen=True)
class _Look:
    """A CloneSet's pods at one moment; `hash` is that of its present template."""

    spec: Manifest
    pods: list[Manifest]
    hash: str

    @property
    def replicas(self) -> int:
        wanted: int = self.spec["replicas"]
        return wanted

    @property
    def strategy(self) -> dict[str, Any]:
        return self.spec.get("updateStrategy") or {}

    @property
    def partition(self) -> int:
        kept: int = self.strategy.get("partition", 0)
        return min(kept, self.replicas)

    @property
    def old(self) -> list[Manifest]:
        """Those of other templates, in the order in which they go: not ready, then the youngest."""
        youngest = sorted(self.pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)
        return [pod for pod in sorted(youngest, key=is_ready) if not self._is_new(pod)]

    @property
    def new(self) -> list[Manifest]:
        return [pod for pod in sorted(self.pods, key=is_ready) if self._is_new(pod)]

    def _is_new(self, pod: Manifest) -> bool:
        return bool(pod["metadata"]["labels"][_HASH] == self.hash)

    @property
    def surplus(self) -> list[Manifest]:
        """The pods that are too many, of each template those beyond its share."""
        number = len(self.pods) - self.replicas
        of_old = min(number, max(0, len(self.old) - self.partition))
        return self.old[:of_old] + self.new[: number - of_old]

    @property
    def outdated(self) -> list[Manifest]:
        """The pods to update now: no more than the partition leaves, and the user wants down at a time."""
        limit = self.strategy.get("maxUnavailable", -(-self.replicas // 5))
        down = sum(not is_ready(pod) for pod in self.pods)
        new_down = sum(not is_ready(pod) for pod in self.new)
        going: list[Manifest] = []
        for pod in self.old[: max(0, len(self.old) - self.partition)]:
            if new_down + len(going) >= limit or (is_ready(pod) and down >= limit):
                break
            down += is_ready(pod)
            going.append(pod)
        return going

    @property
    def status(self) -> dict[str, Any]:
        ready, new = sum(map(is_ready, self.pods)), self.new
        return {
            "replicas": len(self.pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "updatedReplicas": len(new),
            "updatedReadyReplicas": sum(map(is_ready, new)),
            "expectedUpdatedReplicas": self.replicas - self.partition,
        }


def _revision(live: Manifest) -> str:
    template = json.dumps(live["spec"]["template"], sort_keys=True).encode()
    return f"{live['metadata']['name']}-{hashlib.sha256(template).hexdigest()[:10]}"


def _is_active(pod: Manifest, owner: str) -> bool:
    metadata = pod["metadata"]
    owners = [each["uid"] for each in metadata.get("ownerReferences", [])]
    return owner in owners and "deletionTimestamp" not in metadata
