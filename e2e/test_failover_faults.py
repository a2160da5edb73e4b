"""Faults amid failover: clusters die one after another, come back too early, flap, or fail together, and the
controller dies with them. No workload is ever without a ready copy where one could be.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import AsyncExitStack
from functools import partial

import pytest

from e2e.faults import (
    BACK,
    FAILS_OVER,
    flap,
    given,
    govern,
    only,
    placed_now,
    serves,
    targets,
    tuned,
    untainted,
    way_to,
)
from e2e.film import Film, Placement, filmed
from e2e.fleet import Fleet, explained, is_ready, reason
from federation.kube.resources import Manifest
from tests.federated import CLUSTERS, DEPLOYMENTS, eventually

pytestmark = [pytest.mark.soak, pytest.mark.timeout(500)]
log = logging.getLogger(__name__)

SHOP = [f"web-{number}" for number in range(4)]
ONE_BY_ONE = "--eviction-rate=0.2"
"""Slow enough for something to happen between the first workload that leaves a cluster and the last."""
AT_ONCE = "--eviction-rate=50"
SURVIVES_TWO = "--eviction-brake=0.7"
"""Two of three clusters may be away, and workloads leave them still."""


async def test_a_cluster_dies_while_workloads_fail_over_to_it_and_all_end_in_the_last_one(
    fleet: Fleet, namespace: str
) -> None:
    async with tuned(fleet, ONE_BY_ONE, SURVIVES_TWO):
        await given(fleet, namespace, SHOP)
        async with filmed(fleet, namespace) as film, AsyncExitStack() as outages:
            await outages.enter_async_context(fleet.outage("m1"))
            second = await _have_moved(film)
            (last,) = fleet.members.keys() - {"m1", second}
            await outages.enter_async_context(fleet.outage(second))
            for name in SHOP:
                await serves(fleet, namespace, name, last, seconds=FAILS_OVER)
            await outages.aclose()
            for name in SHOP:
                await only(fleet, namespace, name, last)
            assert [("m1",), (second,), (last,)] in film.placements.values(), film
            film.nothing_is_lost()
        await untainted(fleet)


async def test_a_cluster_that_is_back_amid_its_eviction_keeps_what_has_not_left_and_loses_its_old_copies(
    fleet: Fleet, namespace: str
) -> None:
    async with tuned(fleet, ONE_BY_ONE):
        await given(fleet, namespace, SHOP)
        async with filmed(fleet, namespace) as film:
            async with fleet.outage("m1"):
                other = await _have_moved(film)
            await untainted(fleet)
            ended = [await only(fleet, namespace, name, "m1", other) for name in SHOP]
            log.info("ended in %s", ended)
            assert other in ended, film
            for name, cluster in zip(SHOP, ended, strict=True):
                moves = [("m1",)] if cluster == "m1" else [("m1",), (other,)]
                assert film.of(name) == moves, film
            film.nothing_is_lost()


FLAPPING, AWAY, PERIOD, LONGER = 60.0, 5.0, 7.0, 10.0
"""Seconds of flapping; a cluster away so long of each period is found not ready by the second probe, but not
for as long as the grace, LONGER.
"""
A_FLAP = 3
"""Writes of a binding that one flap may bring; two say that the cluster can't be reached, and that it can."""


async def test_a_cluster_that_flaps_loses_nothing_and_is_written_of_no_more_than_it_flaps(
    fleet: Fleet, namespace: str
) -> None:
    async with way_to(fleet, "m1", AT_ONCE, grace=LONGER) as way:
        await given(fleet, namespace, SHOP)
        async with filmed(fleet, namespace) as film:
            await flap(way, away=AWAY, period=PERIOD, seconds=FLAPPING)
            await untainted(fleet)
            flaps = film.failures["m1"]
            log.info("found not ready %d times; writes by binding: %s", flaps, dict(film.writes))
            assert flaps > 1, f"too few to tell anything: {film}"
            for name in SHOP:
                await only(fleet, namespace, name, "m1")
                assert film.of(name) == [("m1",)], film
                assert film.written(name) <= A_FLAP * flaps, film
            film.nothing_is_lost()


async def test_the_controller_is_killed_between_evict_and_place_and_again_at_each_that_moves(
    fleet: Fleet, namespace: str
) -> None:
    moments = random.Random(6)
    async with tuned(fleet, ONE_BY_ONE):
        await given(fleet, namespace, SHOP)
        async with filmed(fleet, namespace) as film:
            async with fleet.outage("m1"):
                for number in range(1, len(SHOP) + 1):
                    other = await _have_moved(film, number)
                    await asyncio.sleep(moments.uniform(0, 0.3))  # anywhere in what follows the decision
                    await fleet.crash_controller()
                for name in SHOP:
                    await serves(fleet, namespace, name, other, seconds=FAILS_OVER)
            for name in SHOP:
                await only(fleet, namespace, name, other)
                assert film.of(name) == [("m1",), (other,)], film
            film.nothing_is_lost()
        await untainted(fleet)


UNTIL_BOTH_ARE_AWAY = 15.0
"""Seconds of grace in which the second is found away before anything of the first is due."""
HELD = 10.0
"""Seconds for which nothing moves that is due: many times as long as it would take."""


async def test_while_a_majority_is_away_nothing_moves_and_when_one_is_back_the_rest_goes_on(
    fleet: Fleet, namespace: str
) -> None:
    async with tuned(fleet, AT_ONCE, grace=UNTIL_BOTH_ARE_AWAY):
        await given(fleet, namespace, SHOP)
        await given(fleet, namespace, ["other"], "m2", exclude=["m1"])
        async with filmed(fleet, namespace) as film, fleet.outage("m1"):
            async with fleet.outage("m2"):
                await _both_tell_what_is_held(fleet)
                await asyncio.sleep(HELD)  # the fault
                assert await placed_now(fleet, namespace, [*SHOP, "other"]) == [["m1"]] * len(SHOP) + [["m2"]]
                assert all(len(placements) == 1 for placements in film.placements.values()), film
            for name in SHOP:
                await serves(fleet, namespace, name, "m2", "m3", seconds=FAILS_OVER)
            for name in ("m1", "m2"):
                await fleet.host.until(CLUSTERS, name, None, lambda c: not reason(c, "Held"), seconds=BACK)
            assert await placed_now(fleet, namespace, ["other"]) == [["m2"]], film
        for name in SHOP:
            await only(fleet, namespace, name, "m2", "m3")
            assert len(film.of(name)) == 2, film
        film.nothing_is_lost()
        await untainted(fleet)


async def test_a_policy_edited_while_the_cluster_it_names_no_more_is_away_takes_the_workload_along(
    fleet: Fleet, namespace: str
) -> None:
    async with tuned(fleet, AT_ONCE):
        await given(fleet, namespace, ["web"], clusterNames=["m1"])
        async with filmed(fleet, namespace) as film:
            async with fleet.outage("m1"):
                await fleet.host.until(CLUSTERS, "m1", None, lambda c: c and not is_ready(c), seconds=BACK)
                await govern(fleet, namespace, ["web"], "of-m1", clusterNames=["m2"])
                await serves(fleet, namespace, "web", "m2")
            await only(fleet, namespace, "web", "m2")
            assert film.of("web") == [("m1",), ("m2",)], film
            film.nothing_is_lost()
        await untainted(fleet)


async def test_a_policy_edited_while_the_cluster_it_names_now_is_away_waits_for_it_where_the_workload_is(
    fleet: Fleet, namespace: str
) -> None:
    async with tuned(fleet, AT_ONCE):
        await given(fleet, namespace, ["web"], clusterNames=["m1"])
        async with filmed(fleet, namespace) as film:
            async with fleet.outage("m2"):
                await fleet.host.until(CLUSTERS, "m2", None, lambda c: c and not is_ready(c), seconds=BACK)
                await fleet.host.until(CLUSTERS, "m2", None, lambda c: c and c["spec"].get("taints"))
                await govern(fleet, namespace, ["web"], "of-m1", clusterNames=["m2"])
                held = await fleet.binding(
                    DEPLOYMENTS, "web", namespace, lambda b: reason(b, "Scheduled") == "NoClusterFit"
                )
                assert targets(held) == ["m1"]
                assert await fleet.members["m1"].get(DEPLOYMENTS, "web", namespace), film
                film.nothing_is_lost()
            # From here on it is any edit of a placement: the old copy goes without waiting for the new one.
            await only(fleet, namespace, "web", "m2")
            assert film.of("web") == [("m1",), ("m2",)], film
        await untainted(fleet)


async def _have_moved(film: Film, number: int = 1) -> str:
    """Wait until so many are placed elsewhere than they were; return where the last of them is."""
    moved: list[Placement] = []

    async def enough() -> bool:
        moved[:] = [placements[-1] for placements in film.placements.values() if len(placements) > 1]
        return len(moved) >= number

    await eventually(enough, lambda: str(film), FAILS_OVER)
    return moved[-1][0]


async def _both_tell_what_is_held(fleet: Fleet) -> None:
    for name, count in (("m1", f"{len(SHOP)} workloads"), ("m2", "1 workload")):
        said = f"{count} should leave this cluster: 2 of 3 clusters are not ready, more than 55%"
        await fleet.host.until(CLUSTERS, name, None, partial(_tells, said), seconds=FAILS_OVER)


def _tells(said: str, cluster: Manifest | None) -> bool:
    why, message = explained(cluster, "Held")
    return why == "EvictionsHeld" and message.startswith(said)
