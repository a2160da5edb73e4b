"""A fleet in which one member has an agent of its own, and something may go wrong between the processes and
their API servers.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from e2e.agents import Agent, agent_in, elsewhere, epoch, speaks
from e2e.fleet import Fleet
from e2e.refusals import standing_before
from e2e.ways import Way
from federation.resources import SECRETS
from federation.sandbox import state
from federation.sandbox.certificates import Authority
from federation.sandbox.plane import Plane
from federation.sandbox.sandbox import CONTROLLER, HOST
from federation.settings import NAMESPACE

log = logging.getLogger(__name__)

AGENT = "agent"
SKEWED = Path(__file__).with_name("skewed.py")

RENEW, SILENT = 4.0, 20.0
"""Seconds between two signs of life of a cluster, and without one until it is given up: a third of the
default, but longer than a controller takes that is started anew.
"""
STALENESS = (f"--sign-of-life={RENEW:g}", f"--silent-after={SILENT:g}", "--frozen-after=60")


class Network:
    """`ways` by process and cluster: the controller's to all, the agent's to the host and its own."""

    def __init__(self, fleet: Fleet, ways: Mapping[tuple[str, str], Way]) -> None:
        self.fleet, self.ways = fleet, ways
        self._agent: Agent | None = None

    @property
    def agent(self) -> Agent:
        assert self._agent is not None, "no member has an agent yet"
        return self._agent

    async def take_in(self, member: str) -> None:
        """Have a member carried by an agent from now on."""
        before = await epoch(self.fleet, member)
        self._agent = await agent_in(self.fleet, member, self.servers(AGENT))
        self.start_agent()
        await speaks(self.fleet, member, before)

    async def dismiss(self) -> None:
        """Have the host carry that member again."""
        if self._agent is not None:
            self._agent.process.stop()
            await self.fleet.atoll("services", "agent", self._agent.member, "--host")

    def servers(self, process: str) -> dict[str, str]:
        """By cluster, the address at which a process finds it."""
        return {cluster: way.url for (of, cluster), way in self.ways.items() if of == process}

    def start_agent(self, skew: float = 0.0) -> None:
        """Start the agent, with a clock that is wrong by so many seconds."""
        runner = (str(SKEWED), str(skew)) if skew else ("-m",)
        self.agent.start(*STALENESS, runner=runner)

    def heal(self) -> None:
        for way in self.ways.values():
            way.heal()


@asynccontextmanager
async def network_of(fleet: Fleet, member: str) -> AsyncIterator[Network]:
    """Have the controller, and an agent in a member, go by ways of ours for the time of a block.

    Silence is noticed three times as soon as by default.
    """
    ends = [*((CONTROLLER, cluster) for cluster in (HOST, *fleet.members)), (AGENT, HOST), (AGENT, member)]
    async with AsyncExitStack() as stack:
        ways = {(of, to): await stack.enter_async_context(way_before(fleet, to)) for of, to in ends}
        network = Network(fleet, ways)
        stack.push_async_callback(_lead_back, network)
        await _lead(network)
        await network.take_in(member)
        try:
            yield network
        except BaseException:
            log.exception("the block failed")  # what fails while all is led back would hide it
            raise


async def _lead(network: Network) -> None:
    fleet, servers = network.fleet, network.servers(CONTROLLER)
    for cluster in fleet.members:
        await redirect(fleet, cluster, servers)
    account = fleet.sandbox.folder / "controller.kubeconfig"
    detour = account.with_name("detour.kubeconfig")
    detour.write_text(elsewhere(account.read_text(), servers))
    await fleet.restart_controller(f"--kubeconfig={detour}", *STALENESS, without=["--kubeconfig"])
    await fleet.ready()


async def _lead_back(network: Network) -> None:
    """Everything as it was before."""
    network.heal()
    try:
        await network.dismiss()
    finally:
        await _lead_past(network.fleet)


async def _lead_past(fleet: Fleet) -> None:
    """The controller finds every API server at its own address again."""
    direct = {plane.name: plane.url for plane in _planes(fleet)}
    for cluster in fleet.members:
        await redirect(fleet, cluster, direct)
    await fleet.stop(CONTROLLER)
    await fleet.start(CONTROLLER)
    await fleet.ready()


async def redirect(fleet: Fleet, cluster: str, servers: dict[str, str]) -> None:
    """Tell the controller where a member is; one that starts goes there."""
    name = f"cluster-{cluster}"
    secret = await fleet.host.get(SECRETS, name, NAMESPACE)
    assert secret is not None
    kubeconfig = elsewhere(base64.b64decode(secret["data"]["kubeconfig"]).decode(), servers)
    encoded = base64.b64encode(kubeconfig.encode()).decode()
    await fleet.host.api.patch(SECRETS, name, NAMESPACE, {"data": {"kubeconfig": encoded}}, manager="network")


def _planes(fleet: Fleet) -> Sequence[Plane]:
    saved = state.load(fleet.sandbox.folder)
    assert saved is not None
    return saved.planes


@asynccontextmanager
async def way_before(fleet: Fleet, cluster: str) -> AsyncIterator[Way]:
    """Stand before the API server of a cluster, for those that are told to go by there."""
    upstream = next(plane.url for plane in _planes(fleet) if plane.name == cluster)
    authority = await asyncio.to_thread(Authority, fleet.folder(cluster) / "certificates")
    async with standing_before(upstream, authority, Way) as way:
        yield way
