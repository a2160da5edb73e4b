"""An API server that answers 500, or 429 with Retry-After, in bursts: it is left alone, and then served."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

import pytest

from e2e.fleet import Fleet, applied
from e2e.refusals import Refusals, refusals_before
from federation.kube.resources import Manifest
from federation.members.join import Address, Traits, detach, join
from federation.sandbox import state
from federation.sandbox.certificates import Authority
from federation.sandbox.fleet_steps import address_of
from tests.federated import (
    CLUSTERS,
    CONFIGMAPS,
    POLICIES,
    absent,
    condition,
    configmap,
    policy,
    selects,
)

pytestmark = pytest.mark.timeout(300)

MEMBER = "m2"
ALL = [f"settings-{number:02}" for number in range(20)]
BURST = 6.0
"""Seconds of each burst of refusals."""
AT_ONCE = 5.0
OURS = {"matchLabels": {"app": "settings"}}


@pytest.fixture
async def refusals(fragile: Fleet) -> AsyncIterator[Refusals]:
    """The second member, joined by an address where a proxy of ours stands before it."""
    saved = state.load(fragile.sandbox.folder)
    assert saved is not None
    direct = address_of(fragile.sandbox.kubeconfig, MEMBER)
    authority = Authority(fragile.folder(MEMBER) / "certificates")
    async with refusals_before(saved.plane(MEMBER).url, authority) as proxy:
        await _join_anew(fragile, Address(proxy.url, direct.ca_data))
        yield proxy
        proxy.heal()
    await _join_anew(fragile, direct)


@pytest.mark.parametrize(
    ("code", "headers", "first", "then"),
    [
        (500, {}, 10, 60.0),  # a back-off that doubles: 0.05 s, 0.1 s, …
        (429, {"Retry_After": "3"}, 1, 3.0),  # asked to come back in 3 s
    ],
)
async def test_a_member_that_refuses_is_not_hammered_and_holds_up_nobody(
    fragile: Fleet,
    refusals: Refusals,
    fragile_namespace: str,
    code: int,
    headers: dict[str, str],
    first: int,
    then: float,
) -> None:
    """`first` times at once, and once more after every so many seconds: each object may be tried so often."""
    await fragile.host.apply(
        POLICIES, policy("all", fragile_namespace, selects("v1", "ConfigMap", labelSelector=OURS))
    )
    await _apply_round(fragile, fragile_namespace, "1")
    await fragile.everywhere(CONFIGMAPS, ALL[-1], fragile_namespace, bool)

    began = asyncio.get_running_loop().time()
    refusals.refuse(code, **headers)
    async with asyncio.timeout(BURST + AT_ONCE), asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(BURST))
        group.create_task(_others_are_served(fragile, fragile_namespace))
    refusals.heal()

    lasted = asyncio.get_running_loop().time() - began  # on a busy machine, longer than a burst
    assert max(refusals.refused.values()) <= first + math.ceil(lasted / then), refusals.refused
    for name in ALL:
        await fragile.members[MEMBER].until(CONFIGMAPS, name, fragile_namespace, lambda c: _round(c) == "2")
        await fragile.binding(CONFIGMAPS, name, fragile_namespace, applied)


async def _others_are_served(fragile: Fleet, namespace: str) -> None:
    await _apply_round(fragile, namespace, "2")
    for name in ALL:
        await fragile.members["m1"].until(
            CONFIGMAPS, name, namespace, lambda c: _round(c) == "2", seconds=AT_ONCE
        )


async def _apply_round(fragile: Fleet, namespace: str, number: str) -> None:
    for name in ALL:
        manifest = configmap(name, namespace, round=number)
        manifest["metadata"]["labels"] = OURS["matchLabels"]
        await fragile.host.apply(CONFIGMAPS, manifest)


async def _join_anew(fragile: Fleet, address: Address) -> None:
    await detach(fragile.host.api, MEMBER)
    await fragile.host.until(CLUSTERS, MEMBER, None, absent)
    await join(fragile.host.api, fragile.members[MEMBER].api, MEMBER, address, Traits(provider="sandbox"))
    await fragile.host.until(CLUSTERS, MEMBER, None, lambda c: c and condition(c, "Ready") == "True")


def _round(settings: Manifest | None) -> str | None:
    return settings["data"]["round"] if settings else None
