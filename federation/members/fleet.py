"""Fleet: the members by name, each carried by its own supervisor so that one cannot take another down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Set
from dataclasses import dataclass
from typing import Any

from federation.kube.api import Api
from federation.kube.errors import BadConfiguration
from federation.kube.ref import Ref
from federation.kube.resources import Resource
from federation.members.copies import MemberCopy
from federation.members.member import Companion, Listener, Member
from policies.interpreting import GroupKind
from policies.workloads.interpretation import NONE, Interpretations

log = logging.getLogger(__name__)
RESTART_DELAY = 5.0
Connect = Callable[[str, dict[str, Any]], Awaitable[Api]]
"""(cluster, kubeconfig) to an Api that is not entered yet."""


@dataclass(slots=True)
class _Berth:
    """A member's place in the fleet: what it was connected with, and who carries it."""

    credentials: str
    task: asyncio.Task[None]
    member: Member | None = None
    problem: str = ""
    """Why its credentials lead nowhere."""


class Fleet:
    """The members that are connected. `run` must be running for any of them to move."""

    def __init__(self, host_id: str, listener: Listener, connect: Connect, companion: Companion) -> None:
        self._host_id, self._listener, self._connect = host_id, listener, connect
        self._companion = companion
        self._berths: dict[str, _Berth] = {}
        self._resources: frozenset[Resource] = frozenset()
        self._capacity = False
        self._interpretations = NONE
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Carry the members; never returns."""
        async with asyncio.TaskGroup() as self._group:
            await asyncio.Event().wait()

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[Member]:
        return iter([berth.member for berth in self._berths.values() if berth.member])

    def get(self, name: str) -> Member | None:
        berth = self._berths.get(name)
        return berth.member if berth else None

    def copy(self, cluster: str, ref: Ref) -> MemberCopy | None:
        """Return what is known of a member's object; None of one that it does not have, or is not seen."""
        member = self.get(cluster)
        return member.copies.get(ref.resource, ref.key) if member is not None else None

    def scales(self, cluster: str, ref: Ref) -> bool:
        """Whether a member has a workload whose replicas are decided there."""
        member = self.get(cluster)
        return member is not None and member.autoscalers.scales(ref) and self.copy(cluster, ref) is not None

    def problem(self, name: str) -> str:
        """Say why a member can't even be tried, or return an empty string."""
        berth = self._berths.get(name)
        return berth.problem if berth else ""

    def carries(self, name: str, credentials: str) -> bool:
        """Whether a member is carried with these credentials (the token given to `connect`)."""
        berth = self._berths.get(name)
        return berth is not None and berth.credentials == credentials

    def connect(
        self, name: str, kubeconfig: dict[str, Any], credentials: str, *, cluster_uid: str = ""
    ) -> None:
        """Carry a member from now on; when `credentials` (any token of the kubeconfig) changed, connect
        anew.
        """
        if self.carries(name, credentials):
            return
        if berth := self._berths.get(name):
            berth.task.cancel()
        assert self._group is not None, "Fleet.run is not running"
        task = self._group.create_task(self._carry(name, kubeconfig, cluster_uid), name=f"member-{name}")
        self._berths[name] = _Berth(credentials, task)

    def disconnect(self, name: str) -> None:
        """Forget a member; nothing is written to it."""
        if berth := self._berths.pop(name, None):
            berth.task.cancel()

    def want(self, resources: frozenset[Resource]) -> None:
        """Mirror these resources in every member that serves them."""
        self._resources = resources
        for member in self:
            self._want(member)

    def interpret(self, interpretations: Interpretations, changed: Set[GroupKind]) -> None:
        """Read kinds in these ways, and the copies of those that changed anew."""
        self._interpretations = interpretations
        for member in self:
            member.interpret(interpretations, changed)

    def want_capacity(self, wanted: bool) -> None:
        """Know what is free in every member, or no more."""
        self._capacity = wanted
        for member in self:
            self._want(member)

    def _want(self, member: Member) -> None:
        member.copies.want(self._resources)
        member.capacity.want(self._capacity)

    async def _carry(self, name: str, kubeconfig: dict[str, Any], cluster_uid: str) -> None:
        """Run one member; whatever goes wrong in it is logged, and it starts anew."""
        while True:
            try:
                async with await self._connect(name, kubeconfig) as api:
                    member = Member(
                        name, api, self._host_id, self._listener, self._companion, cluster_uid=cluster_uid
                    )
                    self._berths[name].member = member
                    member.interpret(self._interpretations, frozenset())
                    self._want(member)
                    self._listener.health_changed(name)
                    await member.run()
            except BadConfiguration as error:
                self._berths[name].problem = str(error)
                self._listener.health_changed(name)
                return  # other credentials make another attempt
            except Exception:
                log.exception("cluster %s: the member's tasks failed; they start anew", name,
                              extra={"cluster": name})  # fmt: skip
                await asyncio.sleep(RESTART_DELAY)
