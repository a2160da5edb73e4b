"""How a Deployment is held at a part of its pods."""

from __future__ import annotations

import pytest

from policies.workloads.deployment_driver import DeploymentDriver
from policies.workloads.driver import Part

DRIVER = DeploymentDriver()


def bound(spec: dict[str, int], updated: int, of: int) -> object:
    return DRIVER.hold({"spec": spec}, Part(updated), of)["strategy"]["rollingUpdate"]["maxUnavailable"]


def test_the_bound_is_a_count_where_the_host_decides_how_many_pods_there_are() -> None:
    assert bound({"replicas": 10}, 4, 10) == 4


@pytest.mark.parametrize(
    ("updated", "of", "expected"),
    [(4, 10, "40%"), (1, 3, "34%"), (2, 3, "67%"), (7, 7, "100%"), (1, 150, "1%"), (2, 150, 2), (0, 0, 1)],
)
def test_it_is_a_percentage_where_the_cluster_decides_if_one_is_exact(
    updated: int, of: int, expected: object
) -> None:
    assert bound({}, updated, of) == expected


@pytest.mark.parametrize("of", range(1, 101))
def test_up_to_a_hundred_pods_a_percentage_is_always_exact(of: int) -> None:
    for updated in range(1, of + 1):
        share = str(bound({}, updated, of))
        assert int(share.removesuffix("%")) * of // 100 == updated


def test_how_many_pods_there_are_is_what_was_placed_or_else_what_the_copy_says() -> None:
    live = {"generation": 1, "spec": {"replicas": 7}, "status": {}}
    assert DRIVER.replicas(3, live) == 3
    assert DRIVER.replicas(None, live) == 7
    assert DRIVER.replicas(None, None) is None
