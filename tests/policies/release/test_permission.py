"""What a cluster may hold, and what is made of copies whose Rollout is gone."""

from __future__ import annotations

from typing import Any

import pytest

from policies.api.meta import API_VERSION
from policies.api.rollout import Rollout
from policies.release.permission import Permission, accounts_for, base_of, outstanding

WORKLOAD = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": "web"}
HALF = Permission("v3", 2)


def run(phase: str, **cluster: Any) -> Rollout:
    """A run from v1 to v2 over cluster a."""
    spec = {
        "workloadRef": WORKLOAD,
        "targetRevision": "v2",
        "stableRevision": "v1",
        "strategy": {"steps": [{"updated": "100%"}]},
    }
    status = {"phase": phase, "clusters": [{"name": "a"} | cluster]}
    manifest = {"apiVersion": API_VERSION, "kind": "Rollout", "metadata": {"name": "web-1"}}
    return Rollout.model_validate(manifest | {"spec": spec, "status": status})


@pytest.mark.parametrize("held", [None, Permission("v3"), Permission("v2")])
def test_a_copy_that_holds_a_revision_wholly_needs_no_account(held: Permission | None) -> None:
    assert accounts_for(None, "a", held)


@pytest.mark.parametrize("phase", ["Completed", "RolledBack", "Superseded", "Cancelled"])
def test_a_part_of_a_later_revision_is_not_of_the_run_before(phase: str) -> None:
    assert not accounts_for(run(phase), "a", HALF)


def test_without_any_run_no_part_of_a_revision_is_accounted_for() -> None:
    assert not accounts_for(None, "a", HALF)


def test_a_completed_run_left_no_part_of_what_it_came_from() -> None:
    assert not accounts_for(run("Completed"), "a", Permission("v1", 2))
    assert accounts_for(run("Completed", leftOut="Skipped"), "a", Permission("v1", 2))


@pytest.mark.parametrize("phase", ["Superseded", "Cancelled"])
def test_a_run_that_was_broken_off_accounts_for_the_parts_it_left(phase: str) -> None:
    assert accounts_for(run(phase, baseRevision="v3"), "a", HALF)
    assert accounts_for(run(phase), "a", Permission("v2", 1))


def test_clusters_that_a_lost_run_had_not_reached_tell_what_was_before() -> None:
    assert base_of([Permission("v2", 1), Permission("v1")], ["v0", "v1", "v2"]) == "v1"


def test_the_only_other_revision_on_the_host_is_what_was_before() -> None:
    assert base_of([Permission("v2", 1)], ["v1", "v2"]) == "v1"


def test_what_was_before_is_not_guessed() -> None:
    assert base_of([Permission("v2", 1)], ["v0", "v1", "v2"]) is None
    assert base_of([Permission("v2"), Permission("v1")], ["v1", "v2"]) is None


def test_a_revision_that_all_hold_is_what_they_are_at() -> None:
    assert base_of([Permission("v2"), Permission("v2")], ["v1", "v2"]) == "v2"


@pytest.mark.parametrize("held", [None, Permission("v1"), Permission("v2", 1)])
def test_what_a_superseded_run_permitted_may_be_on_its_way(held: Permission | None) -> None:
    before = run("Superseded", state="Releasing", replicas=5, permitted=2)
    assert outstanding(before, "a", held) == Permission("v2", 2, replicas=5)


@pytest.mark.parametrize("held", [Permission("v2", 3), Permission("v2")])
def test_a_cluster_that_says_it_holds_more_than_was_permitted_is_believed(held: Permission) -> None:
    assert outstanding(run("Superseded", state="Releasing", permitted=2), "a", held) == held


@pytest.mark.parametrize("state", ["Stable", "Released", "Restored"])
def test_where_no_part_was_permitted_the_copy_tells(state: str) -> None:
    assert outstanding(run("Superseded", state=state), "a", HALF) == HALF
    assert outstanding(run("Superseded", state="Releasing", permitted=2), "b", HALF) == HALF


def test_what_a_run_that_is_gone_has_begun_is_not_taken_for_older_than_the_run_before_it() -> None:
    assert outstanding(run("Superseded", state="Releasing", permitted=2), "a", HALF) == HALF
