"""A newer revision takes over from one whose pods are still coming or broken, and is heard of late."""

from __future__ import annotations

from random import Random

import pytest

from tests.policies.release.federation import Federation
from tests.policies.release.test_bounds import TOGETHER, spec_of

SEEDS, CHUNK = 100, 50
HALTED = 15
"""Seconds after which a release of a broken revision has come as far as it may."""


@pytest.mark.parametrize("broken", [False, True], ids=["on their way", "broken"])
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_a_newer_revision_stays_within_the_bounds_wherever_the_last_one_stands(
    first: int, broken: bool
) -> None:
    for seed in range(first, first + CHUNK):
        _supersedes(seed, broken)


def _supersedes(seed: int, broken: bool) -> None:
    random = Random(seed)
    sizes = {f"c{i}": random.choice([2, 5, 8, 13]) for i in range(random.randint(1, 3))}
    strategy = {"batches": random.randint(2, 5), "maxUnavailable": random.choice([1, 2, "25%"])}
    federation = Federation(random, spec_of(strategy), sizes, frozenset(["v2"] if broken else []))
    for link in federation.links.values():
        link.lag = random.choice([0, 1, 4])
    while federation.now < HALTED if broken else federation.status.permitted < sum(sizes.values()) // 2:
        federation.tick()
    federation.supersede(spec_of(strategy, "v3", "v1"))
    while not federation.over and federation.now < TOGETHER:
        federation.tick()
        wrong = federation.violations() + federation.down()
        assert wrong == [], f"seed {seed}, second {federation.now}: {wrong}"
    at_v3 = {name: member.at("v3") for name, member in federation.members.items()}
    assert at_v3 == sizes, f"seed {seed}: {federation.status.phase}: {federation.status.message}"
