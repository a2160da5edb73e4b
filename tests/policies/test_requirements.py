"""Where a template is because workloads need it, and by whose settings."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policies.api.binding import (
    BindingSpec,
    Eviction,
    PolicyReference,
    Requirement,
    ResourceReference,
    TargetCluster,
)
from policies.requirements import (
    NEEDLESS,
    combined,
    conflict,
    conflict_resolution,
    is_required,
    lapsed,
    missing,
    own,
    preserves,
    suspended,
    without_policy,
)
from policies.verdicts import Verdict

SETTINGS = ResourceReference(api_version="v1", kind="ConfigMap", plural="configmaps", name="settings")
EMPTY = BindingSpec(resource=SETTINGS)
EVERYWHERE = frozenset({"m1", "m2", "m3"})
STOPPED = {"dispatching": True}


def reference(name: str) -> PolicyReference:
    return PolicyReference(kind="PropagationPolicy", namespace="shop", name=name)


def need(name: str, *clusters: str, policy: str | None = "p", **settings: Any) -> Requirement:
    resource = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": name}
    governing = {"policy": reference(policy)} if policy else {}
    return Requirement.model_validate({"resource": resource, "clusters": clusters, **governing, **settings})


def decided(*clusters: str, policy: str | None = "own", **fields: Any) -> BindingSpec:
    return EMPTY.model_copy(
        update={
            "policy": reference(policy) if policy else None,
            "clusters": [TargetCluster(name=name) for name in clusters],
            **fields,
        }
    )


def where(spec: BindingSpec) -> list[str]:
    return [target.name for target in spec.clusters]


def needed(*required: Requirement, by: BindingSpec = EMPTY, before: BindingSpec = EMPTY) -> BindingSpec:
    return combined(by, required, EVERYWHERE, before=before)


def test_it_is_where_any_workload_needs_it() -> None:
    spec = needed(need("api", "m2", "m3"), need("web", "m1", "m2"))
    assert where(spec) == ["m1", "m2", "m3"]
    assert spec.dependency
    assert without_policy(spec) == Verdict(
        "Scheduled", "placed on 3 clusters, needed by Deployment api, Deployment web"
    )


def test_it_leaves_a_cluster_with_the_last_workload_there() -> None:
    before = needed(need("api", "m2"), need("web", "m1", "m2"))
    assert where(needed(need("api", "m2"), before=before)) == ["m2"]


def test_what_nothing_needs_any_more_is_nowhere_and_remembers_what_it_was() -> None:
    before = needed(need("web", "m1"))
    spec = needed(by=own(before), before=before)
    assert (where(spec), lapsed(spec), without_policy(spec)) == ([], True, NEEDLESS)
    assert not lapsed(before)
    assert not lapsed(EMPTY)


def test_it_stays_where_its_own_policy_places_it() -> None:
    before = needed(need("web", "m1", "m2"), by=decided("m1", "m3"))
    assert where(before) == ["m1", "m2", "m3"]
    assert where(own(before)) == ["m1", "m3"]
    spec = needed(by=decided("m1", "m3"), before=before)
    assert spec == decided("m1", "m3")


def test_a_policy_of_its_own_that_goes_leaves_it_where_workloads_need_it_and_where_it_was() -> None:
    before = needed(need("web", "m1", "m2"), by=decided("m1", "m3"))
    left = own(before).model_copy(update={"policy": None})
    spec = needed(need("web", "m1", "m2"), by=left, before=before)
    assert where(spec) == ["m1", "m2", "m3"]
    assert [name for name in where(spec) if is_required(spec, name)] == ["m1", "m2"]
    alone = needed(by=left, before=spec)
    assert (where(alone), lapsed(alone), without_policy(alone)) == (["m1", "m3"], False, None)


def test_it_is_evicted_from_no_cluster_where_a_workload_needs_it() -> None:
    evictions = [Eviction(from_cluster=name, reason="Drained") for name in ("m1", "m2")]
    spec = needed(need("web", "m1"), by=decided("m3", evictions=evictions))
    assert [each.from_cluster for each in own(spec).evictions] == ["m2"]


def test_a_template_that_nobody_needs_is_what_its_policy_makes_it() -> None:
    assert needed(by=decided("m1")) == decided("m1")
    assert own(decided("m1")) == decided("m1")


def test_a_cluster_that_leaves_the_federation_is_no_place() -> None:
    assert where(combined(EMPTY, [need("web", "m1", "m9")], EVERYWHERE, before=EMPTY)) == ["m1"]


def test_what_a_workload_needs_that_no_policy_governs_any_more_stays_as_it_is() -> None:
    spec = needed(need("web", "m1", policy=None), need("api", "m2"))
    assert where(spec) == ["m1", "m2"]
    assert not is_required(spec, "m1")
    assert is_required(spec, "m2")


def test_overwrite_and_preserve_win_and_both_sides_are_named() -> None:
    spec = needed(
        need("api", "m1", policy="a", conflictResolution="Overwrite"),
        need("web", "m1", policy="b", preserveResourcesOnDeletion=True),
    )
    assert (conflict_resolution(spec), preserves(spec)) == ("Overwrite", True)
    verdict = conflict(spec)
    assert verdict is not None
    assert verdict.reason == "SettingsDiffer"
    assert verdict.message == (
        "conflictResolution is Overwrite for Deployment api (PropagationPolicy shop/a) and Abort for "
        "Deployment web (PropagationPolicy shop/b): Overwrite counts; "
        "preserveResourcesOnDeletion is true for Deployment web (PropagationPolicy shop/b) and false for "
        "Deployment api (PropagationPolicy shop/a): true counts"
    )


def test_its_own_policy_is_one_of_those_who_may_differ() -> None:
    spec = needed(need("web", "m1"), by=decided("m1", conflict_resolution="Overwrite"))
    verdict = conflict(spec)
    assert verdict is not None
    assert "Overwrite for PropagationPolicy shop/own and Abort for Deployment web" in verdict.message


def test_settings_that_agree_are_no_conflict() -> None:
    assert conflict(needed(need("api", "m1"), need("web", "m2"))) is None
    assert conflict(decided("m1", conflict_resolution="Overwrite")) is None


def test_a_suspended_workload_suspends_where_it_needs_it_and_where_it_did() -> None:
    spec = needed(need("api", "m2"), need("web", "m1", suspension=STOPPED))
    assert suspended(spec, ["m1"]) is not None
    assert suspended(spec, ["m2"]) is None
    assert suspended(spec, ["m3"]) is not None


def test_a_message_names_three_and_counts_the_rest() -> None:
    said = missing([f"ConfigMap shop/{name}" for name in "abcde"]).message
    assert said.startswith("the host has no ConfigMap shop/a, ConfigMap shop/b, ConfigMap shop/c and 2 more,")


CLUSTERS = st.lists(st.sampled_from(sorted(EVERYWHERE)), unique=True).map(sorted)
NEEDS = st.lists(st.sampled_from("abc"), unique=True).map(sorted).flatmap(
    lambda names: st.tuples(*(CLUSTERS.map(lambda found, name=name: need(name, *found)) for name in names))
)  # fmt: skip
OWN = st.one_of(st.none(), CLUSTERS)


@given(NEEDS, NEEDS, OWN)
def test_the_part_of_the_policy_survives_all_that_workloads_come_to_need(
    first: tuple[Requirement, ...], then: tuple[Requirement, ...], chosen: list[str] | None
) -> None:
    by = EMPTY if chosen is None else decided(*chosen)
    once = needed(*first, by=by)
    again = needed(*then, by=by if chosen is not None else own(once), before=once)
    assert where(own(again)) == where(by)
    union = {name for each in then for name in each.clusters}
    assert set(where(again)) == union | set(where(by))


@given(NEEDS, OWN)
def test_equal_needs_give_an_equal_binding(
    required: tuple[Requirement, ...], chosen: list[str] | None
) -> None:
    by = EMPTY if chosen is None else decided(*chosen)
    once = needed(*required, by=by)
    assert needed(*required, by=by if chosen is not None else own(once), before=once) == once
