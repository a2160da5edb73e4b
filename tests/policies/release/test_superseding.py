"""A newer revision takes over from one whose pods are still coming or broken, and is heard of late."""

from __future__ import annotations

from random import Random

import pytest

from tests.policies.release.federation import Federation
from tests.policies.release.models import OF_PODS
from tests.policies.release.test_bounds import TOGETHER, spec_of, steer

SEEDS, CHUNK = 60, 30
HALTED = 15
"""Seconds after which a release of a broken revision has come as far as it may."""
STANDS = ["on its way", "broken", "on its way back"]
"""Where the last release stands."""


@pytest.mark.parametrize("stand", STANDS)
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
@pytest.mark.parametrize("kind", OF_PODS)
def test_a_newer_revision_stays_within_the_bounds_wherever_the_last_one_stands(
    kind: str, first: int, stand: str
) -> None:
    for seed in range(first, first + CHUNK):
        _supersedes(seed, kind, stand)


def _supersedes(seed: int, kind: str, stand: str) -> None:
    random = Random(seed)
    sizes = {f"c{i}": random.choice([2, 5, 8, 13]) for i in range(random.randint(1, 3))}
    strategy = {"batches": random.randint(2, 5), "maxUnavailable": random.choice([1, 2, "25%"])}
    bad = frozenset([] if stand == "on its way" else ["v2"])
    federation = Federation(random, spec_of(strategy, kind=kind), sizes, bad)
    for link in federation.links.values():
        link.lag = random.choice([0, 1, 4])
    while federation.now < HALTED if bad else federation.status.permitted < sum(sizes.values()) // 2:
        federation.tick()
    if stand == "on its way back":
        steer(federation, abort="Rollback")
        federation.tick()
    federation.supersede(spec_of(strategy, "v3", "v1", kind))
    while not federation.over and federation.now < TOGETHER:
        federation.tick()
        wrong = federation.violations()
        if stand != "on its way back":  # which is within other bounds, and goes on
            wrong += federation.down()
        assert wrong == [], f"seed {seed}, second {federation.now}: {wrong}"
    at_v3 = {name: member.at("v3") for name, member in federation.members.items()}
    assert at_v3 == sizes, f"seed {seed}: {federation.status.phase}: {federation.status.message}"
