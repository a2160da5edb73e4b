"""atoll plan --from-live: against what a host holds, which stays as it is."""

from __future__ import annotations

import asyncio
from itertools import takewhile
from pathlib import Path

import pytest
import typer
import yaml
from click.testing import Result
from kinds import RESOURCES, propagation
from typer.testing import CliRunner

from federation.cli.plan import plan_command
from policies.api.meta import API_VERSION, Manifest
from tests.cli.shop import USER, Shop
from tests.federated import CONFIGMAPS, DEPLOYMENTS, configmap, deployment

ALONE = typer.Typer()
ALONE.command()(plan_command)
WEB = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": "web"}


class Planner:
    """A shop whose Deployment is placed on one of two clusters, and plans for it."""

    def __init__(self, shop: Shop, path: Path) -> None:
        self.shop, self._path = shop, path
        self.near, self.far = f"near-{shop.namespace}", f"far-{shop.namespace}"

    async def place(self) -> None:
        for name in (self.near, self.far):
            await self._create("Cluster", name, {})
            apis = [{"groupVersion": "apps/v1", "kinds": ["Deployment"]}]
            await self.shop.api.patch(
                RESOURCES["Cluster"],
                name,
                None,
                {"status": {"apis": apis}},
                manager=USER,
                subresource="status",
            )
        await self._create("PropagationPolicy", "web", self.policy(self.near)["spec"])
        resource = {**WEB, "namespace": self.shop.namespace, "uid": self.shop.uid}
        policy = {"kind": "PropagationPolicy", "namespace": self.shop.namespace, "name": "web"}
        clusters = [{"name": self.near, "replicas": 2}]
        spec = {"resource": resource, "policy": policy, "clusters": clusters}
        await self._create("ResourceBinding", "web.deployments.apps", spec)

    def policy(self, *clusters: str) -> Manifest:
        spec = propagation(placement={"clusterAffinity": {"clusterNames": list(clusters)}})
        return self._manifest("PropagationPolicy", "web", spec)

    async def plan(self, *manifests: Manifest) -> Result:
        path = self._path / "given.yaml"
        path.write_text(yaml.safe_dump_all(manifests))
        line = ["-f", str(path), "--from-live", "--kubeconfig", str(self.shop.server.path)]
        return await asyncio.to_thread(CliRunner().invoke, ALONE, [*line, "-n", self.shop.namespace])

    def said(self, result: Result) -> list[str]:
        """What a plan says of the Deployment: others of the same server may be in it, too."""
        namespace = self.shop.namespace
        _, _, rest = result.stdout.partition(
            f"Deployment {namespace}/web, by PropagationPolicy {namespace}/web\n"
        )
        return [line.strip() for line in takewhile(lambda line: line.startswith(" "), rest.splitlines())]

    async def versions(self) -> list[str]:
        names = [
            (DEPLOYMENTS, "web"),
            (RESOURCES["PropagationPolicy"], "web"),
            (RESOURCES["ResourceBinding"], "web.deployments.apps"),
            (RESOURCES["Cluster"], self.near),
            (RESOURCES["Cluster"], self.far),
        ]
        live = [
            await self.shop.api.get(resource, name, self.shop.namespace if resource.namespaced else None)
            for resource, name in names
        ]
        return [each["metadata"]["resourceVersion"] for each in live]

    def _manifest(self, kind: str, name: str, spec: Manifest) -> Manifest:
        metadata: Manifest = {"name": name}
        if RESOURCES[kind].namespaced:
            metadata["namespace"] = self.shop.namespace
        return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}

    async def _create(self, kind: str, name: str, spec: Manifest) -> None:
        await self.shop.api.create(RESOURCES[kind], self._manifest(kind, name, spec), manager=USER)


@pytest.fixture
async def planner(shop: Shop, tmp_path: Path) -> Planner:
    made = Planner(shop, tmp_path)
    await made.place()
    return made


async def test_files_are_applied_to_what_the_host_holds_and_the_host_stays_as_it_is(planner: Planner) -> None:
    before = await planner.versions()
    result = await planner.plan(
        planner.policy(planner.far), deployment("web", planner.shop.namespace, image="nginx:2")
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert planner.said(result) == [f"> {planner.far}: move from {planner.near}, 2 replicas"]
    assert await planner.versions() == before


async def test_what_the_api_server_filled_in_is_no_change(planner: Planner) -> None:
    result = await planner.plan(deployment("web", planner.shop.namespace, image="nginx:2"))
    assert planner.said(result) == [
        f"~ {planner.near}: update",
        'spec.template.spec.containers[web].image: "nginx:1" -> "nginx:2"',
    ]


@pytest.mark.soak
async def test_what_a_workload_needs_is_looked_for_on_the_host(planner: Planner) -> None:
    namespace, policy = planner.shop.namespace, planner.policy(planner.near)
    policy["spec"]["propagateDeps"] = True
    web = deployment("web", namespace, image="nginx:1")
    source = {"configMapRef": {"name": "settings"}}
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [source]
    await planner.shop.api.create(CONFIGMAPS, configmap("settings", namespace, a="1"), manager=USER)
    result = await planner.plan(policy, web)
    _, _, rest = result.stdout.partition(f"ConfigMap {namespace}/settings\n")
    assert rest.splitlines()[0].strip() == f"+ {planner.near}: create"


async def test_a_kind_that_the_host_does_not_serve_is_a_mistake(shop: Shop, tmp_path: Path) -> None:
    result = await Planner(shop, tmp_path).plan(
        {"apiVersion": "example.com/v1", "kind": "Lamp", "metadata": {"name": "desk"}}
    )
    assert result.exit_code == 1
    assert "document 1: the host serves no Lamp in example.com/v1" in result.stderr
