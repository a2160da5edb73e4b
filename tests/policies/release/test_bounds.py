"""The bounds of a release hold at every second, in whatever federation: lagging, torn, crashing, scaled.

Each seed is one federation with its accidents; a failure names it, and `release(seed, kind)` plays it again.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from policies.api.rollout import RolloutSpec
from policies.release.permission import heard
from tests.policies.release.federation import Federation
from tests.policies.release.models import MODELS, OF_PODS

SEEDS, ALL_SEEDS, CHUNK = 60, 10_000, 20
FEWEST = 3
"""Pods to which an autoscaler may come down: of 1 or 2, a Deployment replaces all at once."""
TROUBLED, TOGETHER = 400, 2000
"""Seconds until accidents end, and until a release has to be over."""


def spec_of(
    strategy: dict[str, Any], target: str = "v2", stable: str = "v1", kind: str = "Deployment"
) -> RolloutSpec:
    workload = dict(zip(("apiVersion", "kind", "plural"), MODELS[kind].KIND, strict=True)) | {"name": "web"}
    run = {"workloadRef": workload, "targetRevision": target, "stableRevision": stable, "strategy": strategy}
    return RolloutSpec.model_validate(run)


def some_strategy(random: Random) -> dict[str, Any]:
    strategy: dict[str, Any] = {
        "maxUnavailablePerCluster": random.choice(["50%", 1, "100%"]),
        "distribution": random.choice(["Proportional", "Ordered", "PerCluster"]),
        "onFailure": random.choice(["Halt", "Rollback", "Continue"]),
        "unreachable": {"policy": random.choice(["Wait", "Wait", "SkipCluster", "Fail"]), "graceSeconds": 60},
        "progressDeadlineSeconds": 60,
    }
    if (limit := random.choice([1, 2, 3, "10%", "25%", None])) is not None:
        strategy["maxUnavailable"] = limit
    if random.random() < 0.3:
        strategy["maxConcurrentClusters"] = 1
    if random.random() < 0.5:
        return strategy | {"batches": random.randint(1, 6)}
    shares = sorted(random.sample(range(1, 100), random.randint(0, 4)))
    steps = [{"updated": f"{share}%", "bakeSeconds": random.choice([0, 0, 3])} for share in shares]
    return strategy | {"steps": [*steps, {"updated": "100%"}]}


def some_federation(random: Random, kind: str, scaled_there: bool = False) -> Federation:
    sizes = {f"c{i}": random.choice([1, 1, 2, 3, 5, 8, 13, 20]) for i in range(random.randint(1, 4))}
    if scaled_there:
        sizes = {name: max(FEWEST, size) for name, size in sizes.items()}
    bad = frozenset(["v2"] if random.random() < 0.15 else [])
    federation = Federation(random, spec_of(some_strategy(random), kind=kind), sizes, bad)
    federation.scaled_there = scaled_there
    for link in federation.links.values():
        link.lag = random.choice([0, 0, 1, 4])
    return federation


def accidents(federation: Federation, scaling: bool) -> None:
    """Let happen what may happen in a second."""
    random = federation.random
    for link in federation.links.values():
        if random.random() < 0.01:
            link.up = not link.up
    member = random.choice(list(federation.members.values()))
    if random.random() < 0.03:
        member.crash(federation.now)
    if random.random() < 0.03:
        member.evict(federation.now)
    if scaling and random.random() < 0.02:
        name = random.choice(list(federation.sizes))
        least = FEWEST if federation.scaled_there else 0 if random.random() < 0.1 else 1
        federation.scale(name, max(least, federation.sizes[name] + random.randint(-4, 6)))
    if random.random() < 0.005:
        steer(federation, paused=True)
    if random.random() < 0.05:
        steer(federation, paused=False)
    if federation.status.phase == "Halted" and not federation.bad and random.random() < 0.05:
        steer(federation, retry=federation.spec.retry + 1)


def steer(federation: Federation, **verbs: Any) -> None:
    federation.spec = federation.spec.model_copy(update=verbs)


def release(seed: int, kind: str, scaled_there: bool = False) -> Federation:
    """Play one release to its end, and check every second of it."""
    random = Random(seed)
    federation = some_federation(random, kind, scaled_there)
    crashing, scaling = random.random() < 0.5, random.random() < 0.4 or scaled_there
    step = 0
    while not federation.over and federation.now < TOGETHER:
        if federation.now < TROUBLED:
            accidents(federation, scaling)
        else:
            steer(federation, paused=False)
            for link in federation.links.values():
                link.up = True
        federation.tick(crashing)
        broken = federation.violations() + ([] if scaling else federation.down())
        assert broken == [], f"seed {seed}, second {federation.now}: {broken}; {federation.status}"
        assert federation.status.current_step >= step, f"seed {seed}: a step was taken back"
        step = federation.status.current_step
    return federation


def ends(seed: int, kind: str, scaled_there: bool = False) -> None:
    """A release comes to an end, or to a halt that says what to do; then nothing more is written."""
    federation = release(seed, kind, scaled_there)
    status = federation.status
    assert federation.over or status.phase == "Halted", f"seed {seed}: {status.phase}: {status.message}"
    assert status.reason, f"seed {seed}: no reason"
    assert status.message, f"seed {seed}: no message"
    if status.phase == "Completed" and status.reason == "Released":
        for cluster in status.clusters:
            left = federation.members[cluster.name].at("v1")
            assert left == 0 or not cluster.replicas, f"seed {seed}: {cluster.name} is not at v2"
    federation.tick()
    writes, statuses = federation.writes, federation.statuses
    if federation.over:
        for _ in range(30):
            federation.tick()
        assert (federation.writes, federation.statuses) == (writes, statuses), f"seed {seed}: not quiet"


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
@pytest.mark.parametrize("kind", MODELS)
def test_no_bound_is_ever_broken_and_every_release_ends(kind: str, first: int) -> None:
    for seed in range(first, first + CHUNK):
        ends(seed, kind)


@pytest.mark.parametrize("first", range(0, 100, CHUNK))
def test_the_same_holds_while_autoscalers_change_the_number_of_pods(first: int) -> None:
    for seed in range(first, first + CHUNK):
        ends(seed, "Deployment", scaled_there=True)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("first", range(0, ALL_SEEDS, 1000))
@pytest.mark.parametrize("kind", MODELS)
def test_no_bound_is_ever_broken_in_ten_thousand_federations(kind: str, first: int) -> None:
    for seed in range(first, first + 1000):
        ends(seed, kind)


@pytest.mark.parametrize("kind", OF_PODS)
@pytest.mark.parametrize("seed", range(40))
def test_a_newer_revision_takes_over_within_the_same_bounds(seed: int, kind: str) -> None:
    random = Random(seed)
    sizes = {f"c{i}": random.choice([2, 5, 8, 13]) for i in range(random.randint(1, 3))}
    strategy = {"batches": random.randint(2, 5), "maxUnavailable": random.choice([1, 2, "25%"])}
    federation = Federation(random, spec_of(strategy, kind=kind), sizes)
    while federation.status.permitted < sum(sizes.values()) // 2:
        federation.tick()
    v2 = {name: member.at("v2") for name, member in federation.members.items()}
    may = {c.name: c.permitted for c in federation.status.clusters}
    federation.supersede(spec_of(strategy, "v3", "v1", kind))
    while not federation.over and federation.now < TOGETHER:
        federation.tick()
        assert federation.violations() == []
        assert federation.down() == []
        for name, member in federation.members.items():
            assert member.at("v2") <= max(v2[name], may[name]), "a cluster was newly given the old target"
    assert {name: member.at("v3") for name, member in federation.members.items()} == sizes


@pytest.mark.parametrize("kind", OF_PODS)
def test_what_members_say_stands_in_for_a_status_that_was_lost(kind: str) -> None:
    spec = spec_of({"batches": 4, "maxUnavailable": 2}, kind=kind)
    federation = Federation(Random(1), spec, {"a": 8, "b": 4})
    while federation.status.permitted < 5:
        federation.tick()
    before = {
        name: heard(member.spec.echo if member.spec else "") for name, member in federation.members.items()
    }
    federation.forget()
    while not federation.over and federation.now < TOGETHER:
        federation.tick()
        assert federation.violations() == []
    assert federation.status.phase == "Completed"
    assert any(may is not None and may.updated for may in before.values())
