"""atoll rollout list and status: what is there, and what the exit code says of it."""

from __future__ import annotations

import json

import pytest

from tests.cli.shop import Shop


async def test_list_has_the_columns_of_kubectl(shop: Shop) -> None:
    await shop.run(phase="Halted", reason="PodsFailed", updated=4, updatedReady=3, replicas=10)
    header, row = (await shop.atoll("list")).out.splitlines()
    assert " ".join(header.split()) == "NAME WORKLOAD KIND STEP UPDATED READY REPLICAS PHASE REASON AGE"
    assert row.split()[:9] == ["web-1", "web", "Deployment", "1/3", "4", "3", "10", "Halted", "PodsFailed"]


async def test_list_of_all_namespaces_names_them(shop: Shop) -> None:
    await shop.run(phase="Releasing")
    lines = (await shop.atoll("list", "-A")).out.splitlines()
    assert lines[0].startswith("NAMESPACE")
    assert any(line.split()[:2] == [shop.namespace, "web-1"] for line in lines)


async def test_list_wide_shows_the_revisions(shop: Shop) -> None:
    await shop.run(phase="Releasing")
    header, row = (await shop.atoll("get", "-o", "wide")).out.splitlines()
    assert "TARGET" in header
    assert "web-b" in row


async def test_list_prints_what_programs_read(shop: Shop) -> None:
    await shop.run(phase="Releasing")
    stored = json.loads((await shop.atoll("list", "-o", "json")).out)
    assert [item["metadata"]["name"] for item in stored["items"]] == ["web-1"]
    assert (await shop.atoll("list", "-o", "name")).out == "rollouts.federation.atoll.dev/web-1\n"
    assert "targetRevision: web-b" in (await shop.atoll("list", "-o", "yaml")).out


async def test_list_of_nothing_says_so(shop: Shop) -> None:
    assert (await shop.atoll("list")).out == f"no rollouts in {shop.namespace}\n"


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        ("Completed", 0),
        ("Releasing", 0),
        ("AwaitingApproval", 0),
        ("Halted", 2),
        ("Cancelled", 2),
        ("Superseded", 2),
        ("RolledBack", 3),
    ],
)
async def test_status_exits_by_the_phase(shop: Shop, phase: str, code: int) -> None:
    await shop.run(phase=phase)
    assert (await shop.atoll("status", "deployment/web")).code == code


async def test_status_shows_every_cluster_and_the_failed_pods(shop: Shop) -> None:
    clusters = [
        {"name": "m1", "replicas": 5, "target": 3, "permitted": 2, "updated": 2, "updatedReady": 1,
         "state": "Releasing"},
        {"name": "m2", "replicas": 4, "leftOut": "Skipped"},
    ]  # fmt: skip
    failed = [{"cluster": "m1", "pod": "web-x", "reason": "ImagePullBackOff"}]
    await shop.run(phase="Releasing", clusters=clusters, failedPods=failed)
    said = (await shop.atoll("status", "rollout/web-1")).out
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line}
    assert rows["m1"] == ["Releasing", "2", "1", "2", "3", "5", "0"]
    assert rows["m2"][0] == "Skipped"
    assert "pod web-x in cluster m1: ImagePullBackOff" in said


@pytest.mark.parametrize(
    "what", ["deployment/web", "deploy/web", "deployments.apps/web", "rollout/web-2", "web-2"]
)
async def test_a_workload_means_its_newest_run(shop: Shop, what: str) -> None:
    await shop.run(1, phase="Completed")
    await shop.run(2, phase="Halted")
    assert "rollouts/web-2 in" in (await shop.atoll("status", what)).out


@pytest.mark.parametrize(
    ("what", "remedy"),
    [
        ("deployment/web", "a release begins when the pod template changes"),
        ("rollout/web-9", "`atoll rollout list"),
        ("nonsense/web", "kubectl api-resources"),
        ("deployment/", "KIND/NAME"),
    ],
)
async def test_what_is_not_there_is_an_error_with_a_remedy(shop: Shop, what: str, remedy: str) -> None:
    said = await shop.atoll("status", what)
    assert said.code == 1
    assert said.err.startswith("error: ")
    assert remedy in said.err
