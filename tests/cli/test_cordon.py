"""atoll cordon and uncordon: a cluster is kept from new workloads, and again it is not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from federation.cli.cordon import UNSCHEDULABLE_TAINT
from federation.resources import CLUSTER
from policies.api.meta import Manifest
from tests.cli.joined import Joined, joined
from tests.federated import USER
from tests.servers import Fleet


@pytest.fixture
async def shop(fleet: Fleet, namespace: str) -> AsyncIterator[Joined]:
    async with joined(fleet, namespace) as found:
        yield found


async def taints(shop: Joined) -> list[Manifest]:
    found: list[Manifest] = (await shop.host.api.get(CLUSTER, shop.one.name))["spec"].get("taints") or []
    return found


async def test_a_cluster_is_cordoned_and_uncordoned_and_other_taints_stay(shop: Joined) -> None:
    own = {"key": "example.com/maintenance", "effect": "NoExecute"}
    await shop.host.api.patch(CLUSTER, shop.one.name, None, {"spec": {"taints": [own]}}, manager=USER)
    said = await shop.atoll("cordon", shop.one.name, shop.two.name)
    assert said.out == f"cluster/{shop.one.name} cordoned\ncluster/{shop.two.name} cordoned\n"
    kept, ours = await taints(shop)
    assert (kept, ours["key"], ours["effect"]) == (own, UNSCHEDULABLE_TAINT, "NoSchedule")
    assert (await shop.atoll("uncordon", shop.one.name)).out == f"cluster/{shop.one.name} uncordoned\n"
    assert await taints(shop) == [own]


async def test_what_is_so_already_is_said_and_not_written(shop: Joined) -> None:
    assert (
        await shop.atoll("uncordon", shop.one.name)
    ).out == f"cluster/{shop.one.name} already uncordoned\n"
    await shop.atoll("cordon", shop.one.name)
    before = await shop.host.api.get(CLUSTER, shop.one.name)
    assert (await shop.atoll("cordon", shop.one.name)).out == f"cluster/{shop.one.name} already cordoned\n"
    assert await shop.host.api.get(CLUSTER, shop.one.name) == before


async def test_who_is_no_member_can_not_be_cordoned(shop: Joined) -> None:
    said = await shop.atoll("cordon", "nowhere")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: cluster nowhere is no member of this federation")
