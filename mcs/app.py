"""Services across clusters in one process: the host's part, and an agent for each connected member."""

from __future__ import annotations

import asyncio
from collections import Counter

from federation.kube.api import Api
from federation.kube.controller import Controller, Observe
from federation.kube.errors import ApiError, Unreachable
from federation.kube.lease import Lease
from federation.kube.resources import Manifest
from federation.metrics import Count
from federation.settings import NAMESPACE, STALENESS, Staleness
from mcs.agent import Agent
from mcs.aggregator import Aggregator
from mcs.assignment import Assignment
from mcs.carrying import carry
from mcs.counts import counts
from mcs.departures import Departures
from mcs.deployment import end_agent, remove_agent
from mcs.farewell import take_leave
from mcs.names import AGENT, Service
from mcs.records import Records
from mcs.renewing import Renewing
from mcs.reporting import Reporting
from mcs.telling import Telling
from policies.api.cluster import Removal


class Services:
    """`run` carries the host's part; `accompany` a member, while it is connected and has no agent of its own.

    A Cluster that is being deleted has left, as far as Services go: its agent ends, and what it exported goes
    from all others at once.
    """

    def __init__(self, api: Api, observe: Observe | None = None, staleness: Staleness = STALENESS) -> None:
        self._observe = observe
        self._records = Records(api, staleness)
        self._memberships = self._records.memberships
        self._carried: Counter[str] = Counter()
        """How often each cluster is: with new credentials, a second agent begins as the first one ends."""
        self._agents: set[Agent] = set()
        self._held: dict[Api, Lease] = {}
        """By member that leaves, what its own agent holds while it runs."""
        self._aggregator = Aggregator(self._records)
        self.aggregate = Controller("aggregate", self._aggregator, observe=observe, fields=_object)
        self.report = Controller("report", Reporting(self._records), observe=observe, fields=_object)
        self.departures = Controller(
            "departures",
            Departures(self._records, self._is_carried),
            workers=2,
            observe=observe,
            fields=lambda cluster: {"cluster": cluster},
        )
        self.tell = Controller(
            "tell", Telling(self._records), observe=observe, fields=lambda cluster: {"cluster": cluster}
        )
        self.renew = Controller(
            "renew",
            Renewing(self._records, self._is_ours, self._reaches, self._is_whole, staleness),
            workers=4,
            timeout=staleness.renew,
            longest=staleness.renew,
            observe=observe,
            fields=lambda cluster: {"cluster": cluster},
        )

    def counts(self) -> list[Count]:
        """Return what is counted for `/metrics`."""
        return counts(self._records, lambda: self._agents)

    @property
    def records(self) -> Records:
        """What the host knows, mirrored while this runs."""
        return self._records

    def importers(self, service: Service) -> list[str]:
        """Name the connected members that have a ServiceImport."""
        return sorted(
            {agent.cluster for agent in self._agents if agent.locals.imports.get(service) is not None}
        )

    def services(self, service: Service) -> dict[str, Manifest]:
        """Return the Service of a name in each connected member that has one."""
        found = {agent.cluster: agent.locals.services.get(service) for agent in self._agents}
        return {cluster: live for cluster, live in found.items() if live is not None}

    def endpoints(self, service: Service) -> int:
        """Count what all clusters export of a Service."""
        sources = (export.spec.cluster for export in self._records.exports_of(service))
        slices = (each for source in sources for each in self._records.slices_of(source, service).values())
        return sum(len(each.content["endpoints"]) for each in slices)

    def exporting(self) -> int:
        """Count the Services that wait for a worker to export them, of all members."""
        return sum(len(agent.exporting.queue) for agent in self._agents)

    def importing(self) -> int:
        """Count the Services that wait for a worker to import them, of all members."""
        return sum(len(agent.importing.queue) for agent in self._agents)

    async def run(self) -> None:
        """Aggregate until cancelled."""
        self._records.listeners.add(self)
        self._records.judged.add(self.tell.queue.add)
        self._memberships.listeners.add(self._cluster_changed)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._records.run())
            await self._records.synced()
            group.create_task(self.aggregate.run())
            group.create_task(self.report.run())
            group.create_task(self.departures.run())
            group.create_task(self.renew.run())
            group.create_task(self.tell.run())

    async def accompany(self, cluster: str, member: Api) -> None:
        """Export and import for a member while its Cluster leaves that to the host, until cancelled."""
        while True:
            await self._memberships.until(cluster, lambda: self._is_ours(cluster))
            self._carried[cluster] += 1
            try:
                async with asyncio.TaskGroup() as group:
                    agent = group.create_task(
                        carry(cluster, member, self._records, self._observe, self._agents)
                    )
                    await self._memberships.until(cluster, lambda: not self._is_ours(cluster))
                    agent.cancel()
            finally:
                self._carried[cluster] -= 1

    async def leave(self, cluster: str, member: Api, removal: Removal) -> str:
        """Take back what the agent of a leaving member did there, once it ended; say what is left to do.

        :raises Unreachable: the member gave no answer
        """
        if self._is_carried(cluster) or self._memberships.belongs(cluster):
            return "the exchange of Services is about to end"
        try:
            return await self._dismiss(cluster, member) or await take_leave(member, removal)
        except Unreachable:
            raise
        except ApiError as error:
            return (
                f"what is there of Services of other clusters can't be removed: {error}; see to it that "
                f"Atoll may do that, or run `atoll unjoin {cluster} --detach` to let it go as it is"
            )

    async def _dismiss(self, cluster: str, member: Api) -> str:
        """End the member's own agent, if it has one; say what is waited for.

        It hears of the Cluster by itself, but it may be cut off from the host.
        """
        found = self._memberships.assignment(cluster)
        if found is None or found.agent == "Host":
            return ""
        await end_agent(member)
        if not await self._held.setdefault(member, Lease(member, NAMESPACE, AGENT, "host")).free():
            return (
                f"the agent of Services in {cluster} has not ended yet: it holds the Lease "
                f"{NAMESPACE}/{AGENT} there; if nobody else ends it, do so"
            )
        del self._held[member]
        await remove_agent(member)
        return ""

    def _is_ours(self, cluster: str) -> bool:
        """Whether an agent of this process is to carry a cluster."""
        return self._memberships.assignment(cluster) == Assignment("Host", leaves=False)

    def _reaches(self, cluster: str) -> bool:
        """Whether an agent runs for a cluster, which ends when that does not answer, and sees it."""
        return any(agent.cluster == cluster and agent.locals.connected for agent in self._agents)

    def _is_whole(self, cluster: str) -> bool:
        return any(agent.cluster == cluster and agent.whole for agent in self._agents)

    def _is_carried(self, cluster: str) -> bool:
        return self._carried[cluster] > 0

    # What the host says

    def exports_changed(self, service: Service) -> None:
        self.aggregate.queue.add(service)
        self.report.queue.add(service)

    def set_changed(self, service: Service) -> None:
        self.aggregate.queue.add(service)

    def slices_changed(self, source: str, service: Service) -> None:
        """Endpoints are no matter of the set."""

    def source_changed(self, cluster: str) -> None:
        self._aggregator.source_changed(cluster)
        for service in self._records.services():
            self.aggregate.queue.add(service)
        for service in self._records.policies.keys():
            self.report.queue.add(service)
        self._depart(cluster)

    def _cluster_changed(self, cluster: str) -> None:
        self.renew.queue.add(cluster)
        self._depart(cluster)

    def _depart(self, cluster: str) -> None:
        if not self._memberships.belongs(cluster):
            self.departures.queue.add(cluster)


def _object(service: Service) -> dict[str, str]:
    return {"object": "/".join(service)}
