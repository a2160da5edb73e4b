"""Clusters that give no sign of life, between real API servers: what others do without, and what stays.

The agents of other clusters are played by their signs of life; m2 has the importer. Times are shorter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from federation.kube.api import Api
from federation.kube.controller import Controller
from federation.settings import Staleness
from mcs.liveness import State
from mcs.names import FRESH_TIME, SOURCE_LEASE, WHOLE_TIME, Service, host_namespace, slice_name
from mcs.records import Records
from mcs.renewing import Renewing
from mcs.resources import ENDPOINT_SLICES, LEASES, SERVICE_IMPORTS
from policies.api.meta import Manifest
from tests.apiserver.clients import through_proxy
from tests.federated import condition
from tests.federation.kube.scripted import until
from tests.mcs.apiserver.exporters import counted
from tests.mcs.apiserver.importing import Importing, World, world_of
from tests.servers import Fleet

SHORT = Staleness(renew=0.15, silent=0.9, frozen=1.8, grace=0.4)


def never(cluster: str) -> bool:
    """Signs of life alone: nobody gives a word."""
    return False


@pytest.fixture
async def world(prepared: Fleet, namespace: str) -> AsyncIterator[World]:
    """A host and m2 with a namespace, nothing exported, no Lease, no importer running."""
    async with world_of(prepared, namespace) as made:
        await made.make_namespace()
        yield made
        for cluster in ("m1", "m2", "m3"):
            await made.host.delete(LEASES, SOURCE_LEASE, host_namespace(cluster))


@asynccontextmanager
async def alive(
    world: World, *clusters: str, fresh: Callable[[str], bool] = lambda cluster: True
) -> AsyncIterator[None]:
    """Have the agents of clusters give signs of life for the time of a block."""
    renewing = Renewing(Records(world.host.api), lambda cluster: True, fresh, never, SHORT)
    beats: Controller[str] = Controller("renew", renewing)
    for cluster in clusters:
        beats.queue.add(cluster)
    task = asyncio.create_task(beats.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def exported(world: World) -> dict[str, str]:
    """Have m1 and m3 export web; return the names of their slices."""
    names = {cluster: await world.copy(cluster, f"10.{cluster[1]}.0.1") for cluster in ("m1", "m3")}
    await world.local_slice("web-abc", "10.2.0.1")
    await world.state("m1", synced=True)
    await world.export("m1", "m2", "m3")
    return names | {"m2": slice_name("m2", world.web, "web-abc")}


async def until_live(running: Importing, *clusters: str) -> None:
    await until(lambda: all(running.records.leases.state(each) is State.LIVE for each in clusters))


async def told(world: World, status: str) -> Manifest:
    """Wait for what the ServiceImport says of its sources."""
    return await world.member.until(
        SERVICE_IMPORTS,
        "web",
        world.namespace,
        lambda live: live is not None and condition(live, "SourcesAvailable") == status,
    )


async def told_why(world: World, reason: str) -> Manifest:
    """Wait until the ServiceImport says for what reason its sources are not there."""
    return await world.member.until(
        SERVICE_IMPORTS,
        "web",
        world.namespace,
        lambda live: live is not None and reason in {each["reason"] for each in live["status"]["conditions"]},
    )


def message(live: Manifest, type_: str) -> str:
    return next(str(each["message"]) for each in live["status"]["conditions"] if each["type"] == type_)


async def test_endpoints_of_a_cluster_whose_agent_stops_go_and_come_back_with_it(
    world: World, prepared: Fleet
) -> None:
    """m3 has no Lease at all, and m2 can't be gone from itself."""
    async with world.importing(prepared, staleness=SHORT) as running:
        async with alive(world, "m1", "m2"):
            names = await exported(world)
            before = await world.ready()
            await until_live(running, "m1")
            assert condition(before, "SourcesAvailable") is None
        await world.gone(names["m1"])
        live = await told(world, "False")
        assert message(live, "SourcesAvailable").startswith("no sign of life from m1: ")
        assert live["spec"] == before["spec"]
        assert await world.service() is not None
        await until(lambda: running.records.leases.state("m2") is State.STALE)
        await running.at_rest()
        assert await world.slice(names["m2"]) is not None
        assert await world.slice(names["m3"]) is not None
        async with alive(world, "m1"):
            await world.slice_with(names["m1"], "10.1.0.1")
            await told(world, "True")


async def test_the_last_endpoints_stay_if_that_is_asked_for(world: World, prepared: Fleet) -> None:
    async with world.importing(prepared, staleness=SHORT) as running:
        async with alive(world, "m1"):
            async with alive(world, "m3"):
                names = {each: await world.copy(each, f"10.{each[1]}.0.1") for each in ("m1", "m3")}
                for cluster in names:
                    await world.state(cluster, synced=True)
                await world.export("m1", "m3", policy={"keepLast": "WhenAllStale"})
                await world.ready()
                await until_live(running, "m1", "m3")
            await world.gone(names["m3"])
            last = await world.slice(names["m1"])
        live = await told_why(world, "StaleEndpointsKept")
        assert message(live, "SourcesAvailable").startswith(
            "no sign of life from m1, m3: the last endpoints, from m1, are kept"
        )
        await running.at_rest()
        assert await world.slice(names["m1"]) == last
        async with alive(world, "m3"):
            await world.gone(names["m1"])
            await world.slice_with(names["m3"], "10.3.0.1")
            assert message(await told_why(world, "ClusterUnreachable"), "SourcesAvailable").startswith(
                "no sign of life from m1: "
            )


@pytest.mark.soak
async def test_endpoints_of_a_cluster_whose_server_is_away_stay_for_longer(
    world: World, prepared: Fleet
) -> None:
    reached = True
    async with (
        world.importing(prepared, staleness=SHORT) as running,
        alive(world, "m1", fresh=lambda cluster: reached),
    ):
        names = await exported(world)
        await world.ready()
        await until_live(running, "m1")
        reached, since = False, time.monotonic()
        await world.gone(names["m1"])
        assert time.monotonic() - since > SHORT.frozen - SHORT.renew
        reached = True
        await world.slice_with(names["m1"], "10.1.0.1")


@pytest.mark.soak
async def test_what_the_host_forgot_of_a_cluster_goes_with_it_not_before(
    world: World, prepared: Fleet
) -> None:
    async with world.importing(prepared, staleness=SHORT) as running:
        async with alive(world, "m1"):
            names = await exported(world)
            await world.ready()
            await until_live(running, "m1")
            await world.state("m1", synced=False)
            await until(lambda: not running.records.speaks_for("m1"))
            await world.host.delete(ENDPOINT_SLICES, names["m1"], host_namespace("m1"))
            await until(lambda: not running.records.slices_of("m1", world.web))
            await running.at_rest()
            assert await world.slice(names["m1"]) is not None
        await world.gone(names["m1"])


@pytest.mark.parametrize("how", ["stall", pytest.param("cut", marks=pytest.mark.soak)])
async def test_nothing_goes_while_the_host_is_away_nor_as_soon_as_it_is_back(
    world: World, prepared: Fleet, how: str
) -> None:
    """I6: m1 does not come back with the host, so it goes at last, after its full time."""
    async with (
        through_proxy(prepared.host) as (host, proxy),
        world.importing(prepared, host, staleness=SHORT) as running,
    ):
        async with alive(world, "m1"):
            names = await exported(world)
            await world.ready()
            await until_live(running, "m1")
            getattr(proxy, how)()
        away = time.monotonic()
        await until(lambda: time.monotonic() > away + SHORT.silent + 2 * SHORT.grace)
        assert await world.slice(names["m1"]) is not None
        proxy.heal()
        back = time.monotonic()
        await world.gone(names["m1"])
        assert time.monotonic() - back > SHORT.silent - SHORT.grace


async def test_what_was_left_out_stays_so_when_the_importer_starts_anew(
    world: World, prepared: Fleet
) -> None:
    async with world.importing(prepared, staleness=SHORT):
        async with alive(world, "m1"):
            names = await exported(world)
            await world.ready()
        await told(world, "False")
    async with world.importing(prepared) as running:
        await until(lambda: running.records.leases.state("m1") is State.NEW)
        await running.at_rest()
        assert await running.importer(world.web) is not None  # it will look again
        assert not world.writes
        assert await world.slice(names["m1"]) is None


async def test_signs_of_life_are_no_news_to_services(world: World) -> None:
    touched: list[Service] = []
    await exported(world)
    async with observing(world.host.api) as records:
        records.listeners.add(_Listener(touched))
        async with alive(world, "m1"):
            await until(lambda: records.connected and bool(records.slices_of("m1", world.web)))
            await until(lambda: records.leases.state("m1") is State.NEW)
            touched.clear()
            await until(lambda: records.leases.state("m1") is State.LIVE)
            assert not touched
        await until(lambda: records.leases.state("m1") is State.STALE)
        assert world.web in touched
        assert records.leases.withdrawals["m1"] == 1


@asynccontextmanager
async def observing(host: Api) -> AsyncIterator[Records]:
    records = Records(host, SHORT)
    task = asyncio.create_task(records.run())
    try:
        yield records
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until_time_is_up() -> None:
    began = time.monotonic()
    await until(lambda: time.monotonic() > began + SHORT.silent + SHORT.grace)


async def test_who_can_not_write_to_the_host_judges_nobody(world: World) -> None:
    """The host may be the same to those whose signs of life are missing."""
    async with observing(world.host.api) as records:
        records.leases.accepted["m2"] = False
        async with alive(world, "m1", "m3"):
            await until(lambda: records.leases.states().keys() >= {"m1", "m3"})
        await until_time_is_up()
        assert State.STALE not in records.leases.states().values()
        records.leases.accepted |= {"m2": True, "m3": False}
        await until(lambda: records.leases.state("m1") is State.STALE)
        assert records.leases.state("m3") is not State.STALE  # it is here, and only we know


async def test_the_host_is_asked_before_a_silent_watch_is_believed(world: World, prepared: Fleet) -> None:
    async with (
        through_proxy(prepared.host) as (slow, proxy),
        observing(slow) as records,
        alive(world, "m1"),
    ):
        await until(lambda: records.leases.state("m1") is State.NEW)
        records.leases.api = world.host.api
        proxy.stall()
        await until_time_is_up()
        assert records.leases.state("m1") is not State.STALE


class _Listener:
    """Notes which Services it is told of."""

    def __init__(self, touched: list[Service]) -> None:
        self._touched = touched

    def slices_changed(self, source: str, service: Service) -> None:
        self._touched.append(service)

    def exports_changed(self, service: Service) -> None: ...
    def set_changed(self, service: Service) -> None: ...
    def source_changed(self, cluster: str) -> None: ...


# The Lease


async def test_a_sign_of_life_is_one_write_and_says_when_the_cluster_was_reached(
    world: World, prepared: Fleet
) -> None:
    async with counted(prepared.host) as (api, writes):
        renewing = Renewing(Records(api), lambda cluster: True, lambda cluster: cluster == "m1", never, SHORT)
        await renewing("m1")
        first = await world.host.get(LEASES, SOURCE_LEASE, host_namespace("m1"))
        writes.clear()
        assert await renewing("m1") == SHORT.renew
        assert dict(writes) == {"leases.coordination.k8s.io": 1}
        second = await world.host.get(LEASES, SOURCE_LEASE, host_namespace("m1"))
        assert first is not None
        assert second is not None
        assert second["spec"]["renewTime"] == second["metadata"]["annotations"][FRESH_TIME]
        assert second["spec"]["renewTime"] > first["spec"]["renewTime"]
        not_reached = Renewing(Records(api), lambda cluster: True, lambda cluster: False, never, SHORT)
        await not_reached("m1")
        third = await world.host.get(LEASES, SOURCE_LEASE, host_namespace("m1"))
        assert third is not None
        assert third["spec"]["renewTime"] > second["spec"]["renewTime"]
        assert third["metadata"]["annotations"] == second["metadata"]["annotations"]


async def test_a_cluster_that_never_exported_leaves_nothing_on_the_host(prepared: Fleet) -> None:
    async with counted(prepared.host) as (api, writes):
        renewing = Renewing(Records(api), lambda cluster: True, lambda cluster: True, never, SHORT)
        assert await renewing("unheard-of") == SHORT.renew
        assert not writes


async def test_a_cluster_that_is_not_carried_any_more_is_not_spoken_for(prepared: Fleet) -> None:
    async with counted(prepared.host) as (api, writes):
        renewing = Renewing(Records(api), lambda cluster: False, lambda cluster: True, never, SHORT)
        assert await renewing("m1") is None
        assert not writes


@asynccontextmanager
async def agent_of(host: Api, whole: Callable[[str], bool] = lambda cluster: True) -> AsyncIterator[Renewing]:
    """What renews the Lease of m1, with mirrors of its own."""
    async with observing(host) as records:
        await until(lambda: records.connected and records.leases.mirror.connected)
        yield Renewing(records, lambda cluster: True, lambda cluster: True, whole, SHORT)


async def word_of_m1(world: World) -> str | None:
    """What the Lease of m1 says of when all it exports was on the host, if anything."""
    lease = await world.host.get(LEASES, SOURCE_LEASE, host_namespace("m1"))
    assert lease is not None
    word: str | None = lease["metadata"]["annotations"].get(WHOLE_TIME)
    return word


async def test_a_word_is_given_as_soon_as_all_is_on_the_host_and_reaches_others_by_the_lease(
    world: World,
) -> None:
    whole = False
    async with (
        agent_of(world.host.api, lambda cluster: whole) as renewing,
        observing(world.host.api) as others,
    ):
        await until(lambda: others.connected and others.leases.mirror.connected)
        for _ in range(2):
            await renewing("m1")
        await until(lambda: others.leases.version("m1") is not None)
        assert await word_of_m1(world) is None
        assert "m1" not in others.words
        whole = True
        await renewing("m1")
        assert await word_of_m1(world) is not None
        await until(lambda: "m1" in others.words)


class _Deaf(Records):
    """Mirrors whose watches were torn without a sign: they are as a test leaves them."""

    asked = 0

    def relist(self) -> None:
        self.asked += 1


async def deaf_agent(world: World) -> tuple[_Deaf, Renewing]:
    """What gave its word for m1, and hears only its own answers."""
    records = _Deaf(world.host.api)
    renewing = Renewing(records, lambda cluster: True, lambda cluster: True, lambda cluster: True, SHORT)
    for _ in range(2):
        await renewing("m1")
    return records, renewing


async def change_lease(world: World, annotation: str) -> None:
    body = {"metadata": {"annotations": {annotation: "other"}}}
    await world.host.api.patch(LEASES, SOURCE_LEASE, host_namespace("m1"), body, manager="test")


async def test_no_word_is_given_to_a_host_whose_lease_has_an_older_one(world: World) -> None:
    """Its store was put back: it is still a sign of life, and everything is listed anew."""
    records, renewing = await deaf_agent(world)
    await change_lease(world, WHOLE_TIME)
    before = await world.host.get(LEASES, SOURCE_LEASE, host_namespace("m1"))
    await renewing("m1")
    after = await world.host.get(LEASES, SOURCE_LEASE, host_namespace("m1"))
    assert before is not None
    assert after is not None
    assert after["spec"]["renewTime"] > before["spec"]["renewTime"]
    assert after["metadata"]["annotations"][WHOLE_TIME] == "other"
    assert records.asked == 1


async def test_another_who_renewed_the_lease_meanwhile_puts_a_word_off_and_no_more(world: World) -> None:
    records, renewing = await deaf_agent(world)
    given = await word_of_m1(world)
    assert given is not None
    await change_lease(world, FRESH_TIME)
    await renewing("m1")
    assert await word_of_m1(world) == given
    assert records.asked == 0
    await renewing("m1")
    assert await word_of_m1(world) != given
