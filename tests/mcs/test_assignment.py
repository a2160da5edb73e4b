"""Who carries a cluster, as its Cluster says."""

from __future__ import annotations

from typing import Any

import pytest

from mcs.assignment import Assignment, assignment_of

LEAVING = {"name": "m1", "deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ({"metadata": {"name": "m1"}}, Assignment("Host", leaves=False)),
        ({"metadata": {"name": "m1"}, "spec": {}}, Assignment("Host", leaves=False)),
        ({"metadata": {"name": "m1"}, "spec": {"servicesAgent": "Host"}}, Assignment("Host", leaves=False)),
        (
            {"metadata": {"name": "m1"}, "spec": {"servicesAgent": "Member"}},
            Assignment("Member", leaves=False),
        ),
        ({"metadata": LEAVING, "spec": {"servicesAgent": "Member"}}, Assignment("Member", leaves=True)),
        ({"metadata": LEAVING}, Assignment("Host", leaves=True)),
        ({"metadata": {"name": "m1"}, "spec": {"servicesAgent": "Moon"}}, Assignment("Host", leaves=False)),
    ],
)
def test_a_cluster_is_read(cluster: dict[str, Any], said: Assignment) -> None:
    assert assignment_of(cluster) == said
