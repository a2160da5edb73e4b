"""One agent process: carries the member that it stands in, with a narrow credential for the host.

Of several for one member, one leads, by a Lease in the member: so it can while the host is away.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import uvloop

from federation.kube.api import Api
from federation.kube.config import load
from federation.kube.controller import Controller
from federation.kube.errors import BadConfiguration, LeaseLost
from federation.kube.lease import Lease
from federation.logs import configure
from federation.metrics import Metrics
from federation.probes import Probes, Ready
from federation.settings import NAMESPACE, STALENESS, Staleness, identity
from mcs.agent import Agent
from mcs.assignment import Assignment
from mcs.carrying import carry, carry_on
from mcs.counts import counts
from mcs.memberships import Memberships
from mcs.names import AGENT
from mcs.records import Records
from mcs.renewing import Renewing

log = logging.getLogger(__name__)

ANSWER = 5.0
"""Seconds that the host has to say whose a cluster is, before it counts as away."""


@dataclass(frozen=True)
class Settings:
    """`kubeconfig` and `context` are the member's; None: as kubectl, then the pod's account."""

    cluster: str
    host_kubeconfig: str
    host_context: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    identity: str = field(default_factory=identity)
    metrics_port: int = 8080
    metrics_address: str = "127.0.0.1"
    staleness: Staleness = STALENESS


def run(settings: Settings) -> int:
    """Run an agent until it is told to stop; return the exit code: 1 if it could not begin."""
    configure()
    gc.set_threshold(50_000, 50, 100)
    return uvloop.run(_run(settings))


async def _run(settings: Settings) -> int:
    working = asyncio.create_task(Process(settings).run(), name="agent")
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    try:
        await working
    except asyncio.CancelledError:
        return 0
    except (BadConfiguration, OSError) as error:
        log.error("cluster %s: %s", settings.cluster, error)
    return 1


class Process:
    """Carries one member whenever the Cluster says so and this process leads.

    A host that can't be asked did not take the member from its agent: what needs no host goes on.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._cluster = settings, settings.cluster
        self._metrics = Metrics()
        self._agents: set[Agent] = set()
        self._memberships: Memberships | None = None

    async def run(self) -> None:
        """Serve probes and metrics, and carry; it ends by cancellation.

        :raises BadConfiguration: one of the two kubeconfigs leads nowhere
        :raises OSError: the port of the probes is taken
        """
        settings = self._settings
        to_host = await load(settings.host_kubeconfig, settings.host_context)
        to_member = await load(settings.kubeconfig, settings.context)
        async with AsyncExitStack() as stack:
            host = await stack.enter_async_context(Api(to_host, observe=self._metrics.requests("host")))
            member = await stack.enter_async_context(
                Api(to_member, observe=self._metrics.requests(self._cluster))
            )
            lease_api = await stack.enter_async_context(Api(to_member, in_flight=2))
            probes = Probes(self._metrics, self._readiness, settings.metrics_address, settings.metrics_port)
            await stack.enter_async_context(probes)
            lease = Lease(lease_api, NAMESPACE, AGENT, settings.identity)
            await carry_on(self._cluster, lambda: self._serve(host, member, lease))

    async def _serve(self, host: Api, member: Api, lease: Lease) -> None:
        records = Records(host, self._settings.staleness, only=self._cluster)
        renew = self._renewing(records, lease)
        self._memberships = memberships = records.memberships
        memberships.listeners.add(renew.queue.add)
        self._count(records)
        async with asyncio.TaskGroup() as group:
            group.create_task(records.run())
            group.create_task(renew.run())
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER):
                    await memberships.mirror.listed(lambda failure: True)
            group.create_task(self._look_again(memberships))
            while True:
                await memberships.until(self._cluster, self._assigned)
                try:
                    await lease.lead(lambda: self._lead(member, records))
                except LeaseLost as lost:
                    log.warning("%s; this process stands by", lost)

    async def _lead(self, member: Api, records: Records) -> None:
        """One term: it ends when the member is not this agent's any more."""
        self._metrics.leading(True)
        try:
            async with asyncio.TaskGroup() as group:
                agent = group.create_task(
                    carry(self._cluster, member, records, self._metrics.reconciled, self._agents)
                )
                await records.memberships.until(self._cluster, lambda: not self._assigned())
                log.info("Cluster %s is not for an agent in the member any more; standing by", self._cluster)
                agent.cancel()
        finally:
            self._metrics.leading(False)

    def _renewing(self, records: Records, lease: Lease) -> Controller[str]:
        """Return what gives the signs of life.

        One that stands by gives them, too: an agent that can't hold its Lease, because the member's API
        server does not answer, is still there (D7). That the member was reached only who leads can say.
        """
        staleness = self._settings.staleness
        return Controller(
            "renew",
            Renewing(
                records,
                lambda cluster: self._assigned(),
                lambda cluster: self._reaches(lease),
                lambda cluster: lease.held and any(agent.whole for agent in self._agents),
                staleness,
            ),
            workers=1,
            timeout=staleness.renew,
            longest=staleness.renew,
            observe=self._metrics.reconciled,
            fields=lambda cluster: {"cluster": cluster},
        )

    def _reaches(self, lease: Lease) -> bool:
        """Whether the member's API server answered lately, as it must for the Lease, and is watched."""
        return lease.held and any(agent.locals.connected for agent in self._agents)

    def _count(self, records: Records) -> None:
        agents = self._agents
        self._metrics.watch_queue("export", lambda: sum(len(each.exporting.queue) for each in agents))
        self._metrics.watch_queue("import", lambda: sum(len(each.importing.queue) for each in agents))
        self._metrics.count(counts(records, lambda: agents))

    # Whose the member is

    def _assigned(self) -> bool:
        memberships = self._memberships
        if memberships is None or not memberships.mirror.synced.is_set():
            return True
        return memberships.assignment(self._cluster) == Assignment("Member", leaves=False)

    async def _look_again(self, memberships: Memberships) -> None:
        """That there is no such Cluster is a change of nothing."""
        await memberships.mirror.synced.wait()
        memberships.tell(self._cluster)

    def _readiness(self) -> Ready:
        """Ready: carrying, or standing by."""
        if not self._assigned():
            return Ready(True, f"standing by: Cluster {self._cluster} is not for an agent in the member")
        if not self._agents:
            return Ready(True, "standing by")
        if not all(agent.locals.listed for agent in self._agents):
            return Ready(False, "the first lists are not complete")
        return Ready(True, "carrying")
