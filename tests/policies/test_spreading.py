"""Which clusters meet the spread constraints: the goldens, the laws, and a search through all choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.propagation import SpreadConstraint
from policies.groups import Bounds, Candidate, Group, Need, choose
from policies.spreading import Lack, Where, group_of, select, topology
from tests.policies.examples import cluster

DUPLICATED = Need(1, True)


def groups(*given: tuple[str, int, int]) -> list[Group]:
    """Groups of (name, number of clusters, weight)."""
    return [
        Group(name, weight, tuple(Candidate(f"{name}-{n}", 0, 0, None) for n in range(size)))
        for name, size, weight in given
    ]


def names(chosen: Sequence[Group | Candidate] | Lack | None) -> list[str]:
    assert chosen is not None
    assert not isinstance(chosen, Lack)
    return [each.name for each in chosen]


def constraint(field: str, least: int = 1, most: int | None = None) -> SpreadConstraint:
    by = "spreadByField" if field in ("cluster", "region", "zone", "provider") else "spreadByLabel"
    fields = {by: field, "minGroups": least} | ({} if most is None else {"maxGroups": most})
    return SpreadConstraint.model_validate(fields)


@pytest.mark.parametrize(
    ("given", "bounds", "clusters", "chosen"),
    [
        (
            groups(("R1", 1, 60), ("R2", 1, 50), ("R3", 1, 40), ("R4", 3, 30), ("R5", 3, 20), ("R6", 3, 10)),
            Bounds(1, 3),
            6,
            ["R1", "R4", "R5"],
        ),
        (
            groups(("R1", 1, 80), ("R2", 4, 40), ("R3", 1, 30), ("R4", 3, 30), ("R5", 3, 20), ("R6", 5, 10)),
            Bounds(2, 6),
            5,
            ["R1", "R2"],
        ),
        (
            groups(("R1", 1, 60), ("R2", 2, 50), ("R3", 3, 40), ("R4", 4, 30)),
            Bounds(1, 2),
            5,
            ["R1", "R4"],
        ),
        (
            groups(("R4", 1, 60), ("R3", 3, 50), ("R1", 3, 40), ("R2", 4, 30)),
            Bounds(1, 2),
            5,
            ["R3", "R1"],
        ),
        (
            groups(("R1", 1, 80), ("R3", 1, 80), ("R2", 1, 60), ("R5", 2, 60), ("R4", 5, 50), ("R6", 3, 50)),
            Bounds(1, 3),
            10,
            ["R5", "R4", "R6"],
        ),
    ],
)
def test_golden_groups(given: list[Group], bounds: Bounds, clusters: int, chosen: list[str]) -> None:
    assert names(choose(given, bounds, clusters)) == chosen
    assert names(choose(given[::-1], bounds, clusters)) == chosen


def paths(
    ordered: Sequence[Group], bounds: Bounds, clusters: int, begun: tuple[Group, ...] = ()
) -> Iterator[tuple[Group, ...]]:
    """Every choice, each ended as soon as it is enough."""
    if len(begun) >= bounds.least and sum(len(each.members) for each in begun) >= clusters:
        yield begun
    elif bounds.most is None or len(begun) < bounds.most:
        for n, each in enumerate(ordered):
            yield from paths(ordered[n + 1 :], bounds, clusters, (*begun, each))


GROUPS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=1, max_size=7).map(
    lambda given: groups(*((f"g{n}", size, weight) for n, (size, weight) in enumerate(given)))
)


@given(GROUPS, st.integers(1, 4), st.none() | st.integers(0, 3), st.integers(1, 9))
def test_the_choice_is_the_best_of_all(
    given: list[Group], least: int, more: int | None, clusters: int
) -> None:
    bounds = Bounds(least, None if more is None else least + more)
    ordered = sorted(given, key=lambda each: (len(each.members), -each.weight, each.name))
    all_ = list(paths(ordered, bounds, clusters))
    chosen = choose(given, bounds, clusters)
    if not all_:
        assert chosen is None
        return
    best = min(
        all_,
        key=lambda path: (
            -sum(each.weight for each in path),
            -sum(len(each.members) for each in path),
            sorted(each.name for each in path),
        ),
    )
    assert chosen is not None
    by_weight = sorted(best, key=lambda each: (-each.weight, each.name))
    assert names(chosen) == names(by_weight[: len(chosen)])
    assert len(chosen) >= least
    assert sum(len(each.members) for each in chosen) >= clusters


def test_many_groups_are_chosen_from_in_no_time() -> None:
    many = groups(*((f"g{n}", 1 + n % 7, n * 37 % 11) for n in range(60)))
    assert len(names(choose(many, Bounds(20, 30), 100))) <= 30


FOUR = [
    Candidate("m4", 0, 60, 50),
    Candidate("m2", 0, 40, 60),
    Candidate("m3", 0, 30, 80),
    Candidate("m1", 0, 20, 40),
]


@pytest.mark.parametrize(
    ("need", "constraints", "chosen"),
    [
        (Need(120, True), (1, 2), ["m4", "m2"]),
        (Need(120, False), (1, 2), ["m4", "m3"]),
        (Need(200, False), (1, 2), Lack("replica", 200, 140)),
        (Need(120, False), (7, None), Lack("cluster", 7, 4)),
        (Need(1, True), (1, None), ["m4", "m2", "m3", "m1"]),
    ],
)
def test_golden_clusters(need: Need, constraints: tuple[int, int | None], chosen: list[str] | Lack) -> None:
    found = select([constraint("cluster", *constraints)], FOUR, need, {})
    assert found == chosen if isinstance(chosen, Lack) else names(found) == chosen


REGIONS = {"m1": "R1", "m2": "R1", "m3": "R2", "m4": "R2", "m5": "R2"}


@pytest.mark.parametrize(("count", "chosen"), [(2, ["m1", "m2"]), (3, ["m3", "m4", "m5"])])
def test_golden_regions(count: int, chosen: list[str]) -> None:
    """R1 is in use, R2 has more clusters: R1 wins unless it has too few."""
    candidates = [Candidate(name, 0, 100 if name == "m1" else 0, 5) for name in REGIONS]
    constraints = [constraint("cluster", count, count), constraint("region", 1, 1)]
    found = select(constraints, candidates, Need(1, False), {"region": REGIONS})
    assert sorted(names(found)) == chosen


def test_a_group_is_a_region_provider_zones_or_the_value_of_a_label() -> None:
    there = cluster("m1", labels={"tier": "gold"}, region="eu", provider="aws", zones=["b", "a"])
    found = {
        each: group_of(constraint(each), there)
        for each in ("cluster", "region", "provider", "zone", "tier", "rack")
    }
    assert found == {
        "cluster": "m1",
        "region": "eu",
        "provider": "aws",
        "zone": "a,b",
        "tier": "gold",
        "rack": "",
    }


PLACES = st.tuples(st.sampled_from(["eu", "us", "ap"]), st.sampled_from("abc"))
FLEETS = st.dictionaries(st.sampled_from(["m1", "m2", "m3", "m4", "m5", "m6"]), PLACES, min_size=1)
BOUNDS = st.tuples(st.integers(1, 3), st.none() | st.integers(0, 2)).map(
    lambda given: (given[0], None if given[1] is None else given[0] + given[1])
)


def meets(
    chosen: Sequence[str], fleet: dict[str, tuple[str, str]], given: Sequence[SpreadConstraint]
) -> bool:
    groups = where(fleet)
    return all(
        Bounds(each.min_groups, each.max_groups).admits(
            len({groups[topology(each)][name] for name in chosen})
        )
        for each in given
    )


def where(fleet: dict[str, tuple[str, str]]) -> Where:
    """Zones lie in regions: `eu-a` is none of `us`."""
    return {
        "cluster": {name: name for name in fleet},
        "region": {name: region for name, (region, _) in fleet.items()},
        "zone": {name: f"{region}-{zone}" for name, (region, zone) in fleet.items()},
    }


@given(FLEETS, BOUNDS, BOUNDS, st.none() | BOUNDS, st.sets(st.sampled_from(["m1", "m2", "m3", "m4"])))
def test_what_is_chosen_meets_all_constraints_and_stays(
    fleet: dict[str, tuple[str, str]],
    clusters: tuple[int, int | None],
    regions: tuple[int, int | None],
    zones: tuple[int, int | None] | None,
    targets: set[str],
) -> None:
    given = [constraint("cluster", *clusters), constraint("region", *regions)]
    given += [constraint("zone", *zones)] if zones else []
    candidates = [Candidate(name, 0, 100 if name in targets else 0, None) for name in fleet]
    found = select(given, candidates, DUPLICATED, where(fleet))
    assert select(given[::-1], candidates[::-1], DUPLICATED, where(fleet)) == found
    if isinstance(found, Lack):
        return
    assert meets(names(found), fleet, given)
    kept = [each._replace(score=100 if each.name in names(found) else 0) for each in candidates]
    assert sorted(names(select(given, kept, DUPLICATED, where(fleet)))) == sorted(names(found))


@given(FLEETS, BOUNDS, BOUNDS)
def test_with_one_topology_a_choice_is_found_if_there_is_one(
    fleet: dict[str, tuple[str, str]], clusters: tuple[int, int | None], regions: tuple[int, int | None]
) -> None:
    given = [constraint("cluster", *clusters), constraint("region", *regions)]
    candidates = [Candidate(name, 0, 0, None) for name in fleet]
    found = select(given, candidates, DUPLICATED, where(fleet))
    possible = any(
        meets(chosen, fleet, given)
        for count in range(1, len(fleet) + 1)
        for chosen in combinations(sorted(fleet), count)
    )
    assert isinstance(found, Lack) == (not possible)
