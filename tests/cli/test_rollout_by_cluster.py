"""The commands of atoll rollout about what has no pods: its content, cluster by cluster."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from kinds import RESOURCES
from typer.testing import CliRunner

from federation.cli.main import app
from federation.kube.api import Manifest, Resource
from policies.matching import subject_of
from policies.pruning import prune
from policies.release.revision import WORKLOAD_LABEL, revision_of
from tests.cli.shop import REVISIONS, ROLLOUTS, USER, Said, Shop
from tests.federated import CONFIGMAPS, SECRETS, SERVICES

POLICY = {
    "apiVersion": "federation.atoll.dev/v1alpha1",
    "kind": "RolloutPolicy",
    "metadata": {"name": "careful"},
    "spec": {
        "resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}],
        "steps": [{"updated": "30%"}, {"updated": "100%"}],
    },
}


class Kept:
    """An object `settings`, and its revisions as the controller keeps them."""

    def __init__(self, shop: Shop, resource: Resource) -> None:
        self.shop, self.resource = shop, resource

    async def change(self, **content: object) -> Manifest:
        """Apply a content and keep its revision."""
        shop, resource = self.shop, self.resource
        names = {"name": "settings", "namespace": shop.namespace}
        manifest = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": names}
        live = await shop.api.apply(resource, manifest | content, manager=USER)
        uid = live["metadata"]["uid"]
        revision = revision_of(prune(live), uid, subject_of(live), [])
        labels = {"labels": {WORKLOAD_LABEL: uid}}
        stored = {"metadata": {"name": revision.name, "namespace": shop.namespace, **labels}}
        names_of = {"apiVersion": "apps/v1", "kind": "ControllerRevision"}
        number = int(live["metadata"]["resourceVersion"])
        await shop.api.create(
            REVISIONS, names_of | stored | {"data": revision.data, "revision": number}, manager=USER
        )
        return live

    async def numbers(self) -> list[str]:
        rows = (await self.shop.atoll("history", self.words)).out.splitlines()[1:]
        return [row.split()[0] for row in rows]

    @property
    def words(self) -> str:
        return f"{self.resource.kind.lower()}/settings"

    async def live(self) -> Manifest:
        return await self.shop.api.get(self.resource, "settings", self.shop.namespace)


async def test_undo_gives_a_config_map_its_former_content_back_key_by_key(shop: Shop) -> None:
    settings = Kept(shop, CONFIGMAPS)
    await settings.change(data={"color": "red"}, binaryData={"logo": "AA=="})
    await settings.change(data={"color": "blue", "shape": "round"})
    first, _ = await settings.numbers()
    said = (await shop.atoll("diff", "cm/settings", "--revision", first)).out.splitlines()
    assert {"-  color: red", "+  color: blue", "+  shape: round"} <= set(said)
    done = await shop.atoll("undo", "cm/settings", "--to-revision", first)
    assert done.code == 0, done.err
    assert "has the content of revision" in done.out
    live = await settings.live()
    assert live["data"] == {"color": "red"}
    assert live["binaryData"] == {"logo": "AA=="}
    again = await shop.atoll("undo", "cm/settings", "--to-revision", first)
    assert "already" in again.err


async def test_undo_leaves_what_the_host_allocated(shop: Shop) -> None:
    service = Kept(shop, SERVICES)
    before = await service.change(spec={"selector": {"example.com/app": "a"}, "ports": [{"port": 80}]})
    await service.change(spec={"selector": {"example.com/app": "b"}, "ports": [{"port": 81}]})
    first, _ = await service.numbers()
    done = await shop.atoll("undo", "svc/settings", "--to-revision", first)
    assert done.code == 0, done.err
    assert (await service.live())["spec"] == before["spec"]


async def place(shop: Shop, resource: Resource, clusters: Sequence[str]) -> None:
    named = {"apiVersion": resource.api_version, "kind": resource.kind, "plural": resource.plural}
    manifest = {
        "apiVersion": ROLLOUTS.api_version,
        "kind": "ResourceBinding",
        "metadata": {"name": f"settings.{resource.plural}", "namespace": shop.namespace},
        "spec": {
            "resource": {**named, "name": "settings"},
            "clusters": [{"name": name} for name in clusters],
        },
    }
    await shop.api.create(RESOURCES["ResourceBinding"], manifest, manager=USER)


def totals(said: Said) -> list[str]:
    assert said.code == 0, said.err
    return [line.split()[-3] for line in said.out.splitlines()[3:] if not line.startswith("note")]


async def test_a_plan_counts_the_clusters_where_it_is_placed(shop: Shop) -> None:
    await Kept(shop, CONFIGMAPS).change(data={"color": "red"})
    metadata = {"name": "careful", "namespace": shop.namespace}
    await shop.api.create(RESOURCES["RolloutPolicy"], {**POLICY, "metadata": metadata}, manager=USER)
    await place(shop, CONFIGMAPS, [f"m{number}" for number in range(10)])
    said = await shop.atoll("plan", "configmap/settings")
    assert totals(said) == ["3/10", "10/10"]
    assert "at most 7 clusters are down at a time" in said.out
    assert "pod" not in said.out


async def test_a_plan_of_files_counts_each_cluster_once(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "shop"},
    }
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [settings, POLICY]}))
    line = ["rollout", "plan", "-f", str(path), "--clusters", "m1=5,m2=3", "--kubeconfig", "/nowhere"]
    result = await asyncio.to_thread(CliRunner().invoke, app, line)
    assert totals(Said(result.exit_code, result.stdout, result.stderr)) == ["1/2", "2/2"]


async def test_what_is_never_released_in_steps_has_no_plan(shop: Shop) -> None:
    metadata = {"name": "settings", "namespace": shop.namespace}
    await shop.api.apply(SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}, manager=USER)
    said = await shop.atoll("plan", "secret/settings")
    assert said.code == 1
    assert "ControllerRevisions" in said.err
