"""Whose endpoints stay where no cluster that exports a Service gives signs of life."""

from __future__ import annotations

import pytest

from mcs.importing import left_out
from mcs.keeping import last_kept
from tests.mcs.imports import service_set

KEEPS = {"keepLast": "WhenAllStale"}


def kept(policy: dict[str, str] | None, here: set[str], stale: set[str], *exporting: str) -> set[str]:
    """Return what m2 keeps of clusters that it would do without."""
    found = service_set(*exporting, policy=policy)
    missing = left_out("m2", {*exporting} | here, stale, (), lacking=False)
    return {*last_kept(found, here, missing)}


@pytest.mark.parametrize("policy", [None, {}, {"keepLast": "Never"}])
def test_nothing_stays_unless_it_is_asked_for(policy: dict[str, str] | None) -> None:
    assert kept(policy, {"m1"}, {"m1"}, "m1") == set()


def test_the_last_of_which_there_are_endpoints_stay() -> None:
    assert kept(KEEPS, {"m1"}, {"m1", "m3"}, "m1", "m3") == {"m1"}
    assert kept(KEEPS, {"m1", "m3"}, {"m1", "m3"}, "m1", "m3") == {"m1", "m3"}


def test_while_any_other_cluster_is_there_nothing_of_a_stale_one_stays() -> None:
    assert kept(KEEPS, {"m1", "m3"}, {"m1"}, "m1", "m3") == set()
    assert kept(KEEPS, {"m1"}, {"m1"}, "m1", "m3") == set()


def test_a_cluster_that_exports_the_service_itself_has_its_own() -> None:
    assert kept(KEEPS, {"m1", "m2"}, {"m1", "m2"}, "m1", "m2") == set()


def test_what_exports_no_more_does_not_stay() -> None:
    assert kept(KEEPS, {"m1", "m3"}, {"m1", "m3"}, "m1") == {"m1"}
