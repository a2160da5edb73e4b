"""What goes along with workloads, in a plan."""

from __future__ import annotations

from policies.api.binding import BindingSpec
from policies.api.meta import Manifest
from policies.planning.copies import Decided, decisions
from policies.planning.world import Identity, World
from policies.verdicts import Verdict
from tests.policies.examples import clusters, deployment, pp
from tests.policies.test_planning import changes, only, plan, world

SETTINGS = Identity("", "ConfigMap", "shop", "settings")
WEB = Identity("apps", "Deployment", "shop", "web")
MEMBERS = clusters("m1", "m2")


def configmap(**data: str) -> Manifest:
    metadata = {"name": "settings", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def web(*needs: str) -> Manifest:
    manifest = deployment("a:1")
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [{"configMapRef": {"name": name}} for name in needs]
    return manifest


def travelling(*names: str, deps: bool = True) -> Manifest:
    return pp("p", placement=only(*names), propagateDeps=deps).dump()


NEEDED = world(*MEMBERS, travelling("m1"), web("settings"), configmap(a="1"))


def standing() -> dict[Identity, BindingSpec]:
    return {key: each.spec for key, each in decisions(World(NEEDED), {}, {}).items()}


def test_what_a_workload_needs_is_created_where_it_is() -> None:
    found = plan({}, NEEDED)
    assert [(each.key, each.changes[0].cluster) for each in found.objects] == [
        (SETTINGS, "m1"),
        (WEB, "m1"),
    ]


def test_it_moves_with_the_workload() -> None:
    after = world(*MEMBERS, travelling("m2"), web("settings"), configmap(a="1"))
    assert changes(plan(NEEDED, after)) == [("move", "m2", "m1"), ("move", "m2", "m1")]


def test_a_change_of_it_is_an_update() -> None:
    after = world(*MEMBERS, travelling("m1"), web("settings"), configmap(a="2"))
    assert changes(plan(NEEDED, after)) == [("update", "m1", "")]


def test_it_is_deleted_with_the_last_need() -> None:
    for after in (
        world(*MEMBERS, travelling("m1"), web(), configmap(a="1")),
        world(*MEMBERS, travelling("m1", deps=False), web("settings"), configmap(a="1")),
    ):
        plans = {each.key: each.changes for each in plan(NEEDED, after).objects}
        assert [change.action for change in plans[SETTINGS]] == ["delete"]


def test_it_goes_when_its_workload_is_deleted() -> None:
    after = world(*MEMBERS, travelling("m1"), configmap(a="1"))
    assert changes(plan(NEEDED, after)) == [("delete", "m1", ""), ("delete", "m1", "")]


def test_without_a_policy_nothing_of_it_changes() -> None:
    after = world(*MEMBERS, web("settings"), configmap(a="2"))
    assert changes(plan(NEEDED, after)) == []


def test_a_policy_that_is_not_valid_leaves_all_as_it_is() -> None:
    after = world(*MEMBERS, web("settings"), configmap(a="1"))
    invalid = {
        Identity("federation.atoll.dev", "PropagationPolicy", "shop", "p"): Verdict("PolicyInvalid", "wrong")
    }
    assert changes(plan(NEEDED, after, standing=standing(), invalid=invalid)) == []


def test_what_a_binding_says_of_a_workload_that_nobody_sees_still_holds() -> None:
    recorded = {key: spec for key, spec in standing().items() if key == SETTINGS}
    found = decisions(World(world(*MEMBERS, configmap(a="1"))), recorded, {})
    assert found[SETTINGS] == Decided(
        recorded[SETTINGS], Verdict("Scheduled", "placed on 1 cluster, needed by Deployment web")
    )
