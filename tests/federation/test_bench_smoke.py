"""The bench in small: whether it measures what it says, not how fast anything is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

OBJECTS, MEMBERS = 12, 2
pytestmark = pytest.mark.timeout(300)  # a busy machine takes many times the usual half minute


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory, control_plane_binaries: Path) -> dict[str, Any]:
    """What a small run of `python -m bench` writes of its first part."""
    return _written(tmp_path_factory, "--only", "decisions", "bursts")


@pytest.fixture(scope="module")
def other_parts(tmp_path_factory: pytest.TempPathFactory, control_plane_binaries: Path) -> dict[str, Any]:
    """What it writes of the others."""
    of_releases = _written(tmp_path_factory, "--only", "releases")
    others = _written(tmp_path_factory, "--only", "services", "many")
    return of_releases | {part: others[part] for part in ("services", "restart", "edit")}


def _written(folders: pytest.TempPathFactory, *options: str | int) -> dict[str, Any]:
    output = folders.mktemp("bench") / "bench.json"
    words = ["--quick", "--members", MEMBERS, "--objects", OBJECTS, "--samples", 3, "--output", output]
    subprocess.run([sys.executable, "-m", "bench", *map(str, [*words, *options])], check=True, timeout=280)
    written: dict[str, Any] = json.loads(output.read_text())
    return written


@pytest.fixture
def figures(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {figure["name"]: figure for figure in document["figures"]}


def test_each_figure_says_its_ratio_and_whether_its_target_is_reached(figures: dict[str, Any]) -> None:
    paired = figures[f"create {OBJECTS} x {MEMBERS}"]
    assert paired["ratio"] == pytest.approx(paired["atoll"] / paired["bare"])
    assert paired["reached"] is (paired["ratio"] >= paired["target"]["value"])
    assert all(figure["atoll"] >= 0 for figure in figures.values())


def test_a_plan_from_files_updates_every_copy(figures: dict[str, Any]) -> None:
    assert figures["plan 20 x 3"]["detail"] == "60 updates"


def test_every_deployment_is_written_once_to_each_member(document: dict[str, Any]) -> None:
    (toll,) = document["bursts"][0]["tolls"]
    once = {"APPLY deployments": OBJECTS}
    assert toll["create"]["bill"]["members"] == {"m1": once, "m2": once}
    assert toll["update"]["bill"]["members"] == {"m1": once, "m2": once}


def test_the_host_is_written_to_within_the_budget(document: dict[str, Any]) -> None:
    (toll,) = document["bursts"][0]["tolls"]
    budgets = {
        "create": {"POST resourcebindings": OBJECTS, "PATCH resourcebindings/status": OBJECTS},
        "update": {"PATCH resourcebindings/status": OBJECTS},
    }
    for action, budget in budgets.items():
        written = dict(toll[action]["bill"]["host"])
        # The policy counts what is applied: a few writes for the whole burst, as many as it takes seconds.
        assert written.pop("PATCH propagationpolicies/status", 0) <= 2
        assert written == budget


@pytest.mark.parametrize("scenario", ["reapply", "touch", "idle"])
def test_nothing_is_written_when_nothing_changed(document: dict[str, Any], scenario: str) -> None:
    bill = document["bursts"][0]["steady"][scenario]
    assert bill["host"] == {}
    assert bill["members"] == {"m1": {}, "m2": {}}


def test_a_restart_writes_nothing_to_members(document: dict[str, Any]) -> None:
    steady = document["bursts"][0]["steady"]
    assert steady["restart"]["members"] == {"m1": {}, "m2": {}}
    assert 0 < steady["ready"] < steady["reacted"]


def test_single_updates_are_sampled_in_every_member_on_both_sides(document: dict[str, Any]) -> None:
    for side in ("bare", "atoll"):
        latency = document["latencies"][side]
        assert sorted(latency["by_member"]) == ["m1", "m2"]
        assert all(
            len(seconds) == len(latency["everywhere"]) == 3 for seconds in latency["by_member"].values()
        )
        assert max(latency["everywhere"]) == max(map(max, latency["by_member"].values()))


@pytest.mark.soak
def test_releases_are_measured_from_a_ready_step_to_the_next_permission(other_parts: dict[str, Any]) -> None:
    alone, together = other_parts["releases"]
    assert (alone["runs"], together["runs"]) == (1, 3)
    for releases in (alone, together):
        assert len(releases["waits"]) == 9 * releases["runs"]
        assert min(releases["waits"]) > 0
        assert releases["touched"] == 10 * releases["runs"] * MEMBERS


@pytest.mark.soak
def test_a_step_of_a_release_is_written_to_the_host_within_the_budget(other_parts: dict[str, Any]) -> None:
    figures = other_parts["figures"]
    written = [figure for figure in figures if figure["name"].startswith("host writes per step")]
    assert [figure["reached"] for figure in written] == [True, True]


@pytest.mark.soak
def test_services_are_measured_from_a_change_to_the_last_member_that_shows_it(
    other_parts: dict[str, Any],
) -> None:
    services = other_parts["services"]
    assert services["members"] == MEMBERS
    assert len(services["flips"]) == 3
    assert len(services["exports"]) == 1
    assert 0 < min(services["flips"]) < services["cold"]
    assert services["restart"] == {}


@pytest.mark.soak
def test_a_start_over_many_objects_and_an_override_for_one_cluster_write_nothing_elsewhere(
    other_parts: dict[str, Any],
) -> None:
    restart, edit = other_parts["restart"], other_parts["edit"]
    assert restart["bill"]["members"] == {"m1": {}, "m2": {}}
    assert 0 < restart["ready"] < restart["reacted"]
    assert edit["bill"]["members"] == {"m1": {}, "m2": {"APPLY deployments": OBJECTS}}
