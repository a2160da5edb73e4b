"""What becomes of a copy: the rules that lose nothing, as a table and as laws."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.api.binding import ResourceBinding
from policies.copies import (
    Copy,
    Keep,
    Placed,
    Put,
    Release,
    Remove,
    binding_name,
    decide,
    holds,
    stamp,
    within_brake,
)
from policies.suspension import still_there
from policies.verdicts import Verdict

SUSPENDED = Verdict("Suspended", "PropagationPolicy shop/web suspends writes")


def binding(
    *,
    uid: str = "b1",
    generation: int = 3,
    deleting: bool = False,
    governed: bool = True,
    dependency: bool = False,
) -> ResourceBinding:
    metadata: dict[str, Any] = {"name": "web.deployments.apps", "uid": uid, "generation": generation}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    policy = {"policy": {"kind": "PropagationPolicy", "namespace": "shop", "name": "web"}} if governed else {}
    resource = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": "web"}
    return ResourceBinding.model_validate(
        {
            "apiVersion": "federation.atoll.dev/v1alpha1",
            "kind": "ResourceBinding",
            "metadata": metadata,
            "spec": {"resource": resource, "dependency": dependency} | policy,
        }
    )


def placed(
    of: ResourceBinding | None, *, targeted: bool = True, gone: bool = False, preserve: bool = False,
    removal: str | None = None, considered: bool = True, suspended: bool = False, required: bool = False,
) -> Placed:  # fmt: skip
    why = SUSPENDED if suspended else None
    return Placed(of, targeted, gone, preserve, removal, considered, why, required=required)


NEEDED = binding(governed=False, dependency=True)


def copy(*, placed_by: str = "b1/3", deleting: bool = False) -> Copy:
    return Copy("u1", "h1", "d1", placed_by, deleting)


@pytest.mark.parametrize(
    ("situation", "present", "becomes"),
    [
        (placed(binding()), None, Put()),
        (placed(binding()), copy(), Put()),
        (placed(binding(), targeted=False), None, Keep()),
        (placed(binding(), targeted=False), copy(), Remove("u1")),
        (placed(binding(), targeted=False), copy(placed_by="b1/2"), Remove("u1")),
        (placed(binding(), targeted=False, considered=False), copy(), Keep()),
        (placed(NEEDED, required=True), None, Put()),
        (placed(NEEDED, targeted=False), copy(), Remove("u1")),
        (placed(binding(deleting=True)), copy(), Keep()),
        (placed(binding(deleting=True), gone=True), copy(), Remove("u1")),
        (placed(binding(deleting=True), gone=True, preserve=True), copy(), Release()),
        (placed(binding(deleting=True), gone=True), None, Keep()),
        (placed(None, targeted=False), None, Keep()),
        (placed(None, targeted=False, removal="Keep"), copy(), Release()),
        (placed(binding(), targeted=False, removal="Delete"), copy(), Remove("u1")),
        (placed(binding(), removal="Keep"), copy(), Release()),
        (placed(binding(), suspended=True), None, Put(SUSPENDED)),
        (placed(binding(), suspended=True), copy(), Put(SUSPENDED)),
        (placed(binding(), targeted=False, suspended=True), copy(), Keep(still_there(SUSPENDED))),
        (placed(binding(), targeted=False, suspended=True), None, Keep()),
        (placed(binding(), targeted=False, considered=False, suspended=True), copy(), Keep()),
        (placed(binding(deleting=True), gone=True, suspended=True), copy(), Remove("u1")),
        (placed(binding(deleting=True), gone=True, preserve=True, suspended=True), copy(), Release()),
        (placed(binding(), removal="Delete", suspended=True), copy(), Remove("u1")),
    ],
)
def test_what_becomes_of_a_copy(situation: Placed, present: Copy | None, becomes: object) -> None:
    assert decide(situation, present) == becomes


@pytest.mark.parametrize(
    ("situation", "present", "reason"),
    [
        (placed(None, targeted=False), copy(), "Orphan"),
        (placed(binding(), targeted=False), copy(placed_by="b1/4"), "HostWentBack"),
        (placed(binding(), targeted=False), copy(placed_by="b0/1"), "PlacedByAnother"),
        (placed(binding(), targeted=False), copy(placed_by=""), "PlacedByAnother"),
        (placed(binding(), targeted=False), copy(placed_by="b1/x"), "PlacedByAnother"),
        (placed(binding()), copy(deleting=True), "Terminating"),
        (placed(binding(governed=False)), copy(), "NoPolicy"),
        (placed(binding(governed=False), targeted=False), copy(), "NoPolicy"),
        (placed(NEEDED), copy(), "NoPolicy"),
        (placed(NEEDED, targeted=False), copy(placed_by="b2/3"), "PlacedByAnother"),
    ],
)
def test_what_is_kept_says_why(situation: Placed, present: Copy, reason: str) -> None:
    action = decide(situation, present)
    assert isinstance(action, Keep)
    assert action.verdict is not None
    assert action.verdict.reason == reason


@given(
    st.builds(
        placed,
        st.none()
        | st.builds(binding, deleting=st.booleans(), governed=st.booleans(), generation=st.integers(0, 9)),
        targeted=st.booleans(), gone=st.booleans(), preserve=st.booleans(),
    ),
    st.builds(copy, placed_by=st.sampled_from(["", "b1/0", "b1/5", "b1/10", "b2/1"]), deleting=st.booleans()),
)  # fmt: skip
def test_a_copy_is_removed_only_on_a_recorded_decision(situation: Placed, present: Copy) -> None:
    if isinstance(decide(situation, present), Remove):
        of = situation.binding
        assert of is not None
        torn_down = of.metadata.deletion_timestamp and situation.template_gone and not situation.preserve
        withdrawn = not of.metadata.deletion_timestamp and not situation.targeted
        assert torn_down or withdrawn


def test_a_copy_holds_while_manifest_and_binding_are_those_it_was_applied_for() -> None:
    assert holds(copy(), "d1", "", binding())
    assert holds(copy(placed_by="b1/1"), "d1", "", binding())
    assert not holds(copy(), "d2", "", binding())
    assert not holds(copy(), "d1", "web-1/3", binding())
    assert not holds(copy(placed_by="b0/3"), "d1", "", binding())


_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@pytest.mark.parametrize(
    ("plural", "group", "name", "expected"),
    [
        ("deployments", "apps", "web", "web.deployments.apps"),
        ("configmaps", "", "kube.settings", "kube.settings.configmaps"),
    ],
)
def test_readable_names_of_bindings(plural: str, group: str, name: str, expected: str) -> None:
    assert binding_name(plural, group, name) == expected


@given(st.text(min_size=1, max_size=253), st.text(min_size=1, max_size=253))
def test_names_of_bindings_are_valid_and_distinct(one: str, other: str) -> None:
    names = [binding_name("clusterroles", "rbac.authorization.k8s.io", name) for name in (one, other)]
    assert all(len(name) <= 253 and _SUBDOMAIN.fullmatch(name) for name in names)
    assert (names[0] == names[1]) == (one == other)


@pytest.mark.parametrize(
    ("inferred", "total", "within"),
    [(10, 10, True), (11, 10, False), (11, 55, True), (20, 100, True), (21, 100, False), (0, 0, True)],
)
def test_the_brake_lets_ten_or_a_fifth_pass(inferred: int, total: int, within: bool) -> None:
    assert within_brake(inferred, total) is within


def test_a_stamp_keeps_what_the_manifest_has_and_does_not_change_it() -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": "y"}}}
    stamped = stamp(manifest, host="h1", digest="d1", binding=binding())
    assert stamped["metadata"]["labels"] == {"x": "y", "federation.atoll.dev/host": "h1"}
    assert stamped["metadata"]["annotations"] == {
        "federation.atoll.dev/digest": "d1",
        "federation.atoll.dev/binding": "b1/3",
    }
    assert manifest["metadata"] == {"name": "a", "labels": {"x": "y"}}


def test_a_copy_that_is_evicted_is_kept_untouched_as_long_as_there_is_a_reason() -> None:
    why = Verdict("Evicting", "the old copy stays")
    evicted = placed(binding(), targeted=False)._replace(evicted=why)
    assert decide(evicted, copy()) == Keep(why)
    assert decide(evicted._replace(evicted=None), copy()) == Remove("u1")
    assert decide(evicted._replace(binding=binding(deleting=True), template_gone=True), copy()) == Remove(
        "u1"
    )
