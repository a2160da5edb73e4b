"""atoll rollout plan: from files alone, and as the host has things."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from kinds import RESOURCES
from typer.testing import CliRunner

from federation.cli.main import app
from tests.cli.shop import ROLLOUTS, USER, Said, Shop
from tests.federated import deployment

POLICY = {
    "apiVersion": "federation.atoll.dev/v1alpha1",
    "kind": "RolloutPolicy",
    "metadata": {"name": "careful"},
    "spec": {
        "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
        "steps": [{"name": "canary", "updated": "10%"}, {"updated": "100%"}],
        "maxUnavailable": "10%",
    },
}


def rows(said: Said) -> list[list[str]]:
    """The table of a plan."""
    return [line.split() for line in said.out.splitlines()[2:] if line and not line.startswith("note")]


async def test_a_plan_needs_no_host(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(POLICY))
    line = ["rollout", "plan", "--policy", str(path), "--clusters", "m1=50,m2=30"]
    result = await asyncio.to_thread(CliRunner().invoke, app, [*line, "--kubeconfig", "/nowhere"])
    assert rows(Said(result.exit_code, result.stdout, result.stderr)) == [
        ["STEP", "UPDATED", "m1", "m2", "TOTAL", "WAVES", "THEN"],
        ["1", "canary", "10%", "5", "3", "8/80", "1", "-"],
        ["2", "100%", "50", "30", "80/80", "9", "-"],
    ]


async def place(shop: Shop, **replicas: int) -> None:
    """Place the Deployment on clusters."""
    resource = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": "web"}
    clusters = [{"name": name, "replicas": count} for name, count in replicas.items()]
    manifest = {
        "apiVersion": ROLLOUTS.api_version,
        "kind": "ResourceBinding",
        "metadata": {"name": "web.deployments.apps", "namespace": shop.namespace},
        "spec": {"resource": resource, "clusters": clusters},
    }
    await shop.api.create(RESOURCES["ResourceBinding"], manifest, manager=USER)


async def test_a_plan_of_the_host_is_for_where_things_are_placed(shop: Shop) -> None:
    metadata = {"name": "careful", "namespace": shop.namespace}
    await shop.api.create(RESOURCES["RolloutPolicy"], {**POLICY, "metadata": metadata}, manager=USER)
    await place(shop, m1=6, m2=4)
    assert [row[-5:-2] for row in rows(await shop.atoll("plan", "deployment/web"))[1:]] == [
        ["1", "0", "1/10"],
        ["6", "4", "10/10"],
    ]


async def test_a_policy_in_a_file_stands_in_for_one_that_is_not_stored_yet(
    tmp_path: Path, shop: Shop
) -> None:
    await place(shop, m1=6, m2=4)
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(POLICY))
    said = await shop.atoll("plan", "deployment/web", "--policy", str(path))
    assert rows(said)[2][-3:-2] == ["10/10"]


async def test_a_workload_in_a_file_is_planned_where_it_is_placed(tmp_path: Path, shop: Shop) -> None:
    await place(shop, m1=6, m2=4)
    path = tmp_path / "all.json"
    items = [deployment("web", shop.namespace), POLICY]
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}))
    said = await shop.atoll("plan", "-f", str(path))
    assert rows(said)[2][-3:-2] == ["10/10"]


async def test_a_workload_that_no_policy_governs_has_no_plan(shop: Shop) -> None:
    await place(shop, m1=6)
    said = await shop.atoll("plan", "deployment/web")
    assert said.code == 1
    assert "no RolloutPolicy governs it" in said.err


async def test_a_workload_that_is_placed_nowhere_has_no_plan(shop: Shop) -> None:
    said = await shop.atoll("plan", "deployment/web")
    assert said.code == 1
    assert "--clusters" in said.err


async def test_labels_of_clusters_are_for_the_host_to_know(tmp_path: Path, shop: Shop) -> None:
    canary = {"updated": 1, "clusters": {"labelSelector": {"matchLabels": {"tier": "canary"}}}}
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({**POLICY, "spec": {"steps": [canary, {"updated": "100%"}]}}))
    said = await shop.atoll("plan", "--policy", str(path), "--clusters", "m1=50")
    assert said.code == 1
    assert "step 1 selects clusters by labels" in said.err


async def test_a_policy_that_could_not_be_stored_has_no_plan(tmp_path: Path, shop: Shop) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({**POLICY, "spec": {"steps": [{"updated": "110%"}]}}))
    said = await shop.atoll("plan", "--policy", str(path), "--clusters", "m1=50")
    assert said.code == 1
    assert "spec.steps[0].updated" in said.err
