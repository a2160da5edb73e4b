"""Autoscalers: which workloads of a member belong to a HorizontalPodAutoscaler there, whoever made it.

The replicas of such a workload are the member's: what scales it by other means (KEDA and the like) makes a
HorizontalPodAutoscaler too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from federation.kube.api import Api
from federation.kube.informer import Informer
from federation.kube.ref import Ref
from federation.kube.resources import Key, Manifest, Resource

AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")


class Scaled(NamedTuple):
    """A workload that is scaled in a member."""

    namespace: str
    group: str
    kind: str
    name: str


class Autoscalers:
    """The autoscalers of one member; `changed(scaled)` names a workload that got one, or lost it, and
    `listed()` tells that all are known.
    """

    def __init__(self, api: Api, changed: Callable[[Scaled], None], listed: Callable[[], None]) -> None:
        self._informer: Informer[Scaled] = Informer(api, AUTOSCALERS, scaled_by, self._noted)
        self._changed, self._listed = changed, listed
        self._targets: dict[Key, Scaled] = {}  # to name the workload when the autoscaler is gone
        self._scaled: Counter[Scaled] = Counter()
        self._known = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._informer.run())
            await self._informer.listed(lambda failure: not failure.transient)
            self._known = True
            self._listed()

    def known(self) -> bool:
        """Whether all are known; a member that refuses to list them has none, as far as we are concerned."""
        return self._known

    def scales(self, ref: Ref) -> bool:
        """Whether the replicas of a workload are the member's."""
        return self._scaled[Scaled(ref.namespace, ref.resource.group, ref.resource.kind, ref.name)] > 0

    def _noted(self, key: Key) -> None:
        before, now = self._targets.pop(key, None), self._informer.get(key)
        if now is not None:
            self._targets[key] = now
            self._scaled[now] += 1
        if before is not None:
            self._scaled[before] -= 1
        for each in {before, now} - {None}:
            assert each is not None
            if self._scaled[each] <= 0:
                del self._scaled[each]
            self._changed(each)


def scaled_by(live: Manifest) -> Scaled:
    """Return the workload that an autoscaler scales."""
    target = live["spec"]["scaleTargetRef"]
    group = target.get("apiVersion", "").rpartition("/")[0]
    return Scaled(live["metadata"].get("namespace", ""), group, target["kind"], target["name"])
