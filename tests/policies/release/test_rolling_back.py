"""A rollback takes down no more than its bound in each cluster, beside the pods that were down already."""

from __future__ import annotations

from random import Random

import pytest

from policies.release.shares import round_up
from tests.policies.release.federation import Federation
from tests.policies.release.models import OF_PODS
from tests.policies.release.test_bounds import TOGETHER, spec_of, steer


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("kind", OF_PODS)
def test_a_rollback_stays_within_its_own_bound(kind: str, seed: int) -> None:
    random = Random(seed)
    sizes = {f"c{i}": random.choice([5, 8, 13]) for i in range(random.randint(1, 3))}
    bound = random.choice([1, 2, "25%"])
    strategy = {
        "batches": 4,
        "maxUnavailable": random.choice([2, "50%"]),
        "rollback": {"maxUnavailable": bound},
    }
    federation = Federation(random, spec_of(strategy, kind=kind), sizes, frozenset(["v2"] * (seed % 3 == 0)))
    for link in federation.links.values():
        link.lag = random.choice([0, 1, 4])
    for _ in range(random.randint(8, 15)):
        federation.tick()
    before = {each.name: each for each in federation.status.clusters}
    steer(federation, abort="Rollback")
    while not federation.over and federation.now < TOGETHER:
        federation.tick()
        for name, member in federation.members.items():
            on_the_way = before[name].permitted - min(before[name].permitted, before[name].updated_ready)
            may = on_the_way + max(1, round_up(bound, sizes[name]))
            assert member.down_by_us(federation.now) <= may, f"second {federation.now}: {name}"
    assert {name: member.at("v1") for name, member in federation.members.items()} == sizes
