"""Member: one cluster of the federation, an island of its own.

Holds the connection, the mirrors of what is ours there, and the probe that opens and closes the way for
writes. A member that does not answer has its mirrors stopped and its keys parked; both go on the moment it
answers again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Hashable, Set
from contextlib import suppress
from typing import Any, Protocol

from federation.kube.api import Api
from federation.kube.discovery import Discovery
from federation.kube.errors import ApiError, Unreachable
from federation.kube.informer import Informer
from federation.kube.mirrors import Mirrors
from federation.kube.ref import Ref
from federation.kube.resources import Resource
from federation.kube.served import Served
from federation.members.autoscalers import Autoscalers, Scaled
from federation.members.capacity import Capacity, Told
from federation.members.copies import MemberCopy, has_replicas, metadata_only, projection
from federation.members.health import HEALTHY, UNKNOWN, Health, failed
from federation.resources import NAMESPACES, NODES
from policies import pod_networks
from policies.api.cluster import Removal
from policies.capacity import totals
from policies.copies import HOST_LABEL
from policies.interpreting import GroupKind
from policies.nodes import node_of
from policies.workloads.interpretation import NONE, Interpretations

log = logging.getLogger(__name__)

PROBE_PERIOD, RETRY_PERIOD, SURVEY_PERIOD = 10.0, 2.0, 60.0
PROBE_TIMEOUT = 5.0
FAILURES_UNTIL_NOT_READY = 2


class Companion(Protocol):
    """What else is done for members, besides their copies."""

    async def accompany(self, cluster: str, api: Api) -> None:
        """Runs while a member answers, then is cancelled."""

    async def leave(self, cluster: str, api: Api, removal: Removal) -> str:
        """Take back what was done in a member whose Cluster is being deleted.

        :return: what is still to be removed there, for people; empty if nothing is. It is called again until
            then
        """


class Alone:
    """Nothing else is done."""

    async def accompany(self, cluster: str, api: Api) -> None: ...

    async def leave(self, cluster: str, api: Api, removal: Removal) -> str:
        return ""


class Listener(Protocol):
    """Who is told what changed in a member."""

    def copy_changed(self, cluster: str, ref: Ref) -> None: ...
    def scaling_changed(self, cluster: str, scaled: Scaled) -> None: ...
    def copies_synced(self, cluster: str, resource: Resource) -> None: ...
    def health_changed(self, cluster: str) -> None: ...
    def surveyed(self, cluster: str) -> None: ...
    def capacity_known(self, cluster: str) -> None: ...
    def capacity_grew(self, cluster: str) -> None: ...


class Member:
    """One member cluster. `run` carries it and never returns."""

    def __init__(
        self,
        name: str,
        api: Api,
        host_id: str,
        listener: Listener,
        companion: Companion,
        *,
        cluster_uid: str = "",
    ) -> None:
        self.name, self.api, self.discovery = name, api, Discovery(api)
        self._companion = companion
        self.health: Health = UNKNOWN
        self.version, self.cluster_uid = "", cluster_uid
        self.nodes = totals(())
        self.pod_cidrs: list[str] = []
        self.copies: Mirrors[MemberCopy] = Mirrors(
            self._mirror, lambda resource: listener.copies_synced(name, resource)
        )
        self.namespaces: Informer[bool] = Informer(
            api, NAMESPACES, _stays, self._namespace_changed, metadata_only=True
        )
        self.autoscalers = Autoscalers(
            api, lambda scaled: listener.scaling_changed(name, scaled), self._autoscalers_listed
        )
        self.capacity = Capacity(
            api,
            Told(
                known=lambda: listener.capacity_known(name),
                grew=lambda: listener.capacity_grew(name),
                counted=lambda: listener.surveyed(name),
            ),
        )
        self._interpretations = NONE
        self._served = Served(api, self.discovery, self._served_changed)
        self._selector, self._listener = {"labelSelector": f"{HOST_LABEL}={host_id}"}, listener
        self._open, self._closed = asyncio.Event(), asyncio.Event()
        self._probe_now = asyncio.Event()
        self._parked: dict[Hashable, Callable[[], None]] = {}
        self._waiting: dict[str, dict[Hashable, Callable[[], None]]] = {}
        self._failures = 0

    @property
    def available(self) -> bool:
        """Whether writes are worth trying: the API server answered last time."""
        return self._open.is_set()

    def sees(self, resource: Resource) -> bool:
        """Whether it is known what is ours of a kind here, and whose replicas it has."""
        return self.copies.synced(resource) and (not self._has_replicas(resource) or self.autoscalers.known())

    def _has_replicas(self, resource: Resource) -> bool:
        return has_replicas(resource, self._interpretations)

    def mirror_failure(self, resource: Resource) -> ApiError | None:
        """Return why a kind can't be listed in this member, if it can't."""
        informer = self.copies[resource]
        return informer.failure if informer else None

    def park(self, key: Hashable, again: Callable[[], None]) -> None:
        """Call `again` once this member is available."""
        self._parked[key] = again

    def await_namespace(self, namespace: str, key: Hashable, again: Callable[[], None]) -> None:
        """Call `again` when the namespace appears or disappears in this member."""
        self._waiting.setdefault(namespace, {})[key] = again

    def suspect(self, error: Unreachable) -> None:
        """Note that a request got no answer: stop writing and probe at once."""
        log.warning("cluster %s: %s", self.name, error, extra={"cluster": self.name})
        self._close()
        self._probe_now.set()

    async def leave(self, removal: Removal) -> str:
        """Have the companion take back what it did here; return what is still to be removed, if anything."""
        try:
            return await self._companion.leave(self.name, self.api, removal)
        except Unreachable as error:
            self.suspect(error)
            return str(error)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._probe_forever())
            while True:
                await self._open.wait()
                self._closed.clear()
                mirrors = group.create_task(self._mirror_all())
                await self._closed.wait()
                mirrors.cancel()

    async def _mirror_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.namespaces.run())
            group.create_task(self.copies.run())
            group.create_task(self.autoscalers.run())
            group.create_task(self.capacity.run())
            group.create_task(self._served.run())
            await self._companion.accompany(self.name, self.api)

    def _mirror(self, resource: Resource) -> Informer[MemberCopy]:
        return Informer(
            self.api, resource, projection(resource, lambda: self._interpretations),
            lambda key: self._listener.copy_changed(self.name, Ref(resource, *key)),
            selector=self._selector, metadata_only=metadata_only(resource),
        )  # fmt: skip

    def interpret(self, interpretations: Interpretations, changed: Set[GroupKind]) -> None:
        """Read kinds in these ways, and the copies of those that changed anew."""
        self._interpretations = interpretations
        for resource, informer in self.copies:
            if (resource.group, resource.kind) in changed:
                informer.relist()

    def _autoscalers_listed(self) -> None:
        for resource, _ in self.copies:
            if self._has_replicas(resource) and self.copies.synced(resource):
                self._listener.copies_synced(self.name, resource)

    def _served_changed(self) -> None:
        for _, informer in self.copies:
            informer.reconnect()
        self._listener.surveyed(self.name)

    def _namespace_changed(self, key: tuple[str, str]) -> None:
        for again in self._waiting.pop(key[1], {}).values():
            again()

    # Health

    async def _probe_forever(self) -> None:
        loop = asyncio.get_running_loop()
        surveyed = -SURVEY_PERIOD
        while True:
            answered = await self._probe()
            if answered and (not self.health.ready or loop.time() - surveyed > SURVEY_PERIOD):
                answered = await self._survey()
                surveyed = loop.time()
            if answered:
                self._open_up()
            await self._until_next_probe(PROBE_PERIOD if self.health.ready else RETRY_PERIOD)

    async def _until_next_probe(self, period: float) -> None:
        """Wait, but not when a request got no answer or the watch that is always open was torn."""
        loop = asyncio.get_running_loop()
        due, was_connected = loop.time() + period * random.uniform(0.8, 1.0), self.namespaces.connected
        while (left := due - loop.time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, 0.5)):
                    await self._probe_now.wait()
                break
            if was_connected and not self.namespaces.connected:
                break
            was_connected = self.namespaces.connected
        self._probe_now.clear()

    async def _probe(self) -> bool:
        try:
            await self.api.text("/readyz", timeout=PROBE_TIMEOUT)
        except ApiError as error:
            self._failed(error)
            return False
        return True

    async def _survey(self) -> bool:
        """Learn what the member is and offers; part of the probe when it comes back."""
        try:
            async with asyncio.timeout(4 * PROBE_TIMEOUT):
                version = await self.api.request("GET", "/version")
                system = await self.api.get(NAMESPACES, "kube-system", metadata_only=True)
                await self.discovery.refresh()
                nodes: list[dict[str, Any]] = []
                async for page, _ in self.api.list(NODES):
                    nodes += page
        except (ApiError, TimeoutError) as error:
            self._failed(error)
            return False
        uid = system["metadata"]["uid"]
        if self.cluster_uid and uid != self.cluster_uid:
            self._judge(_another(uid, self.cluster_uid))
            return False
        self.version, self.cluster_uid = version["gitVersion"], uid
        self.nodes = totals(node_of(node) for node in nodes)
        self.pod_cidrs = pod_networks.of_nodes(nodes)
        self._listener.surveyed(self.name)
        return True

    def _failed(self, error: ApiError | TimeoutError) -> None:
        if isinstance(error, TimeoutError):
            error = Unreachable(f"no answer within {PROBE_TIMEOUT:.0f} s")
        self._failures += 1
        self._close()
        if self._failures >= FAILURES_UNTIL_NOT_READY:  # one may be a restart, or a server that just begins
            self._judge(failed(error))

    def _close(self) -> None:
        self._open.clear()
        self._closed.set()

    def _open_up(self) -> None:
        self._failures = 0
        self._open.set()
        self._judge(HEALTHY)
        parked, self._parked = self._parked, {}
        for again in parked.values():
            again()

    def _judge(self, health: Health) -> None:
        if health != self.health:
            level = logging.INFO if health.ready else logging.WARNING
            log.log(level, "cluster %s: %s: %s", self.name, health.reason, health.message,
                    extra={"cluster": self.name})  # fmt: skip
            self.health = health
            self._listener.health_changed(self.name)


def _another(found: str, known: str) -> Health:
    return Health(
        False,
        "AnotherCluster",
        f"the API server belongs to another cluster (kube-system UID {found}, known {known}); nothing is "
        "written to it; run `atoll unjoin --detach` and `atoll join` if it was rebuilt on purpose",
    )


def _stays(namespace: dict[str, Any]) -> bool:
    return "deletionTimestamp" not in namespace["metadata"]
