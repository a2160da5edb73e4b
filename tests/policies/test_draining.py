"""What a cluster that is drained still holds, and what will stay there."""

from __future__ import annotations

from typing import Any

import pytest

from policies.api.binding import BindingStatus, ClusterResult, ResourceBinding
from policies.api.meta import Manifest
from policies.api.propagation import PropagationPolicy
from policies.draining import Course, course
from policies.eviction import DRAIN_TAINT
from tests.policies.examples import pp


def binding(
    name: str, *clusters: str, left: str = "", governed: bool = True, why: str = ""
) -> ResourceBinding:
    spec: Manifest = {
        "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": name},
        "clusters": [{"name": each} for each in clusters],
        "evictions": [{"fromCluster": left, "reason": "Drained"}] if left else [],
    }
    if governed:
        spec["policy"] = {"kind": "PropagationPolicy", "namespace": "shop", "name": "p"}
    scheduled = {"type": "Scheduled", "status": "False" if why else "True", "reason": "X", "message": why}
    return ResourceBinding.model_validate(
        {
            "apiVersion": "federation.atoll.dev/v1alpha1",
            "kind": "ResourceBinding",
            "metadata": {"name": name},
            "spec": spec,
            "status": {"conditions": [scheduled]},
        }
    )


def over_in(cluster: str, binding: ResourceBinding) -> ResourceBinding:
    """A Job that has ended in one of its clusters."""
    resource = binding.spec.resource.model_copy(update={"uid": "1"})
    end = ClusterResult(name=cluster, template_uid="1", status={"succeeded": 1})
    spec = binding.spec.model_copy(update={"resource": resource})
    return binding.model_copy(update={"spec": spec, "status": BindingStatus(clusters=[end])})


def drained(policy: PropagationPolicy | None, *bindings: ResourceBinding, ended: str = "") -> Course:
    return course("m1", bindings, lambda _: policy, {ended}, lambda each: each.spec.resource.name)


def test_what_is_elsewhere_is_no_concern_and_the_rest_is_told_by_how_far_it_is() -> None:
    leaving = binding("leaving", "m2", left="m1")
    found = drained(
        pp("p"),
        binding("elsewhere", "m2"),
        binding("next", "m1", "m2"),
        binding("stuck", "m1", why="0/1 clusters fit"),
        leaving,
    )
    assert found == Course(
        stays={},
        waits={"next": "waits for its turn", "stuck": "0/1 clusters fit"},
        leaves={"leaving": leaving},
    )


def needed(*workloads: str) -> ResourceBinding:
    """What workloads need that are in m1."""
    found = binding("settings", "m1", governed=False)
    needs = [{"resource": binding(name).spec.resource.dump(), "clusters": ["m1"]} for name in workloads]
    target = {"name": "m1", "onlyRequired": True}
    spec = found.spec.dump() | {"clusters": [target], "requiredBy": needs, "dependency": True}
    return ResourceBinding.model_validate(found.dump() | {"spec": spec})


def test_what_workloads_need_goes_with_the_last_of_them() -> None:
    leaving = binding("leaving", "m2", left="m1")
    found = drained(pp("p"), needed("leaving", "next"), binding("next", "m1"), leaving)
    assert found.waits["settings"] == "goes with the workloads that need it"
    found = drained(pp("p"), needed("leaving", "stays"), binding("stays", "m1"), leaving, ended="stays")
    assert found.stays["settings"] == "workloads that stay need it"


TOLERATES: Manifest = {"key": DRAIN_TAINT, "operator": "Exists", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({}, None),
        (
            {"placement": {"clusterTolerations": [TOLERATES]}},
            "PropagationPolicy shop/p tolerates the taint federation.atoll.dev/drain",
        ),
        (
            {"placement": {"clusterTolerations": [{"operator": "Exists"}]}},
            "PropagationPolicy shop/p tolerates the taint federation.atoll.dev/drain",
        ),
        ({"placement": {"clusterTolerations": [TOLERATES | {"tolerationSeconds": 60}]}}, None),
        ({"placement": {"clusterTolerations": [TOLERATES, TOLERATES | {"tolerationSeconds": 60}]}}, None),
        ({"suspension": {"dispatching": True}}, "PropagationPolicy shop/p is suspended"),
    ],
)
def test_what_a_policy_keeps_in_the_cluster_is_named(spec: dict[str, Any], why: str | None) -> None:
    found = drained(pp("p", **spec), binding("web", "m1"))
    assert found.stays == ({"web": why} if why else {})


def test_so_is_what_nothing_moves() -> None:
    assert drained(None, binding("web", "m1", governed=False)).stays == {
        "web": "no valid policy governs it, so nothing moves it"
    }
    left = drained(None, binding("web", "m2", left="m1", governed=False))
    assert (set(left.stays), left.leaves) == ({"web"}, {})
    over = {"web": "the Job has ended, and would run again elsewhere"}
    assert drained(pp("p"), binding("web", "m1"), ended="web").stays == over
    here, elsewhere = (over_in(cluster, binding("job", "m1", "m2")) for cluster in ("m1", "m2"))
    assert drained(pp("p"), here).stays == {"job": over["web"]}
    assert drained(pp("p"), elsewhere).waits == {"job": "waits for its turn"}
