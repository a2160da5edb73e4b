"""What a new copy is told of the state of the one it takes the place of."""

from __future__ import annotations

import pytest

from policies.api.binding import BindingSpec, Eviction, ResourceReference
from policies.api.failover import ClusterFailover, PurgeMode
from policies.api.meta import Manifest
from policies.eviction import Standing
from policies.filters import Clusters
from policies.moving import Moving
from policies.placement import Present, Workload
from policies.preservation import labels, preserved, steps
from policies.rendering import Rendered, prune, render
from policies.scheduling import decide
from tests.policies.examples import cluster, deployment, pp, targets

WEB = ResourceReference(api_version="apps/v1", kind="Deployment", plural="deployments", name="web")
STATUS = {"job": {"ids": ["a1", "a2"], "done": 7, "live": True, "odd": "not a label!"}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("{.job.ids[0]}", ["job", "ids", 0]),
        ("{ .job }", ["job"]),
        ("$.job['a.b'][\"c\"]", ["job", "a.b", "c"]),
        ("job.done", ["job", "done"]),
        ("{.a[*]}", None),
        ("{..a}", None),
        ("{}", None),
    ],
)
def test_a_path_is_keys_and_indices(path: str, found: list[str | int] | None) -> None:
    assert steps(path) == found


def rules(path: str, mode: PurgeMode = "Directly") -> ClusterFailover:
    carried = {"rules": [{"aliasLabelName": "state", "jsonPath": path}]}
    return ClusterFailover.model_validate({"purgeMode": mode, "statePreservation": carried})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("{.job.ids[1]}", "a2"),
        ("{.job.done}", "7"),
        ("{.job.live}", "true"),
        ("{.job.ids[2]}", None),
        ("{.job.done.more}", None),
        ("{.job.odd}", None),
        ("{.job}", None),
    ],
)
def test_what_is_there_and_can_be_the_value_of_a_label_is_carried_over(path: str, value: str | None) -> None:
    expected: Manifest = {} if value is None else {"state": value}
    assert preserved(rules(path), targets(m1=2), STATUS) == expected


def test_nothing_is_carried_over_where_two_copies_may_be_there_at_a_time() -> None:
    assert preserved(rules("{.job.done}"), targets(m1=2, m2=1), STATUS) == {}
    assert preserved(rules("{.job.done}", "Gracefully"), targets(m1=2), STATUS) == {}
    assert preserved(None, targets(m1=2), STATUS) == {}


ONE = {"spreadConstraints": [{"spreadByField": "cluster", "maxGroups": 1}]}


def placed(before: BindingSpec, moving: Moving) -> BindingSpec:
    workload, present = Workload("apps/v1", "Deployment", 3, ""), Present(before.clusters)
    among = Clusters([cluster("m1", taints=[{"key": "a", "effect": "NoExecute"}]), cluster("m2")])
    found, _ = decide(workload, None, pp("p", placement=ONE), before, among, lambda _: present, moving=moving)
    return found


def test_the_new_copy_has_it_as_long_as_it_is_there_and_the_old_one_never_had() -> None:
    evicted = Eviction(
        from_cluster="m1", reason="Drained", purge_mode="Directly", preserved_labels={"state": "a1"}
    )
    begun = placed(
        BindingSpec(resource=WEB, clusters=list(targets(m1=3))),
        Moving(Standing((), frozenset({"m1"}), frozenset()), due=[evicted]),
    )
    assert begun.clusters == []
    moved = placed(begun, Moving())  # the old copy is gone, and with it the eviction
    assert [(each.name, each.preserved_labels) for each in moved.clusters] == [("m2", {"state": "a1"})]
    assert moved.evictions == []
    assert placed(moved, Moving()) == moved


def test_where_the_template_goes_to_two_clusters_neither_has_it() -> None:
    evicted = Eviction(from_cluster="m9", reason="Drained", preserved_labels={"state": "a1"})
    assert labels("m1", 2, (), [evicted]) == {}
    assert labels("m1", 1, (), [evicted]) == {"state": "a1"}


def test_its_manifest_has_the_labels_besides_those_of_the_template() -> None:
    pruned = prune(deployment("nginx:1", labels={"app": "web"}))
    rendered = render(pruned, labels={"state": "a1"})
    assert isinstance(rendered, Rendered)
    assert rendered.manifest["metadata"]["labels"] == {"app": "web", "state": "a1"}
    assert pruned["metadata"]["labels"] == {"app": "web"}
