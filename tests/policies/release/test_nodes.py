"""Nodes come and go while DaemonSets are released: what the release itself takes down stays within bounds."""

from __future__ import annotations

from random import Random

import pytest

from tests.policies.release.federation import Federation
from tests.policies.release.test_bounds import TOGETHER, spec_of

SEEDS, CHUNK = 200, 50
TROUBLED = 200
"""Seconds until no more nodes come or go."""


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
@pytest.mark.parametrize("kind", ["DaemonSet", "AdvancedDaemonSet"])
def test_nodes_that_come_and_go_let_no_more_pods_go_at_a_time(kind: str, first: int) -> None:
    for seed in range(first, first + CHUNK):
        _released(seed, kind)


def _released(seed: int, kind: str) -> None:
    random = Random(seed)
    sizes = {f"c{i}": random.choice([3, 5, 8, 13]) for i in range(random.randint(1, 3))}
    strategy = {"batches": random.randint(1, 4), "maxUnavailable": random.choice([1, 2, 3])}
    federation = Federation(random, spec_of(strategy, kind=kind), sizes)
    for link in federation.links.values():
        link.lag = random.choice([0, 1, 4])
    while not federation.over and federation.now < TOGETHER:
        if federation.now < TROUBLED and random.random() < 0.2:
            name = random.choice(list(sizes))
            federation.scale(name, max(1, sizes[name] + random.choice([-1, 1, 2])))
        federation.tick(crashing=True)
        assert federation.down() == [], f"seed {seed}, second {federation.now}"
    assert federation.status.phase == "Completed", f"seed {seed}: {federation.status.message}"
