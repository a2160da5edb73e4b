"""atoll explain where there is little to say, and what a shell is told: on a host without a controller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml
from kinds import install_kinds, manifest
from typer.testing import CliRunner

from federation.cli.main import app
from federation.kube.api import Api
from tests.apiserver.clients import NAMESPACES, api_of
from tests.cli.shop import USER, Said, Shop
from tests.federated import A_DEPLOYMENT, BINDINGS, CLUSTERS, CONFIGMAPS, POLICIES, configmap, policy
from tests.servers import ApiServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def host(apiserver: ApiServer) -> AsyncIterator[Api]:
    """A host whose kinds are installed once."""
    async with api_of(apiserver) as api:
        await install_kinds(api)
        yield api


@pytest_asyncio.fixture(loop_scope="module")
async def shop(host: Api, apiserver: ApiServer, namespace: str) -> Shop:
    place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    await host.apply(NAMESPACES, place, manager=USER)
    made = Shop(apiserver, host, namespace)
    await made.deploy("nginx:1")
    return made


DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments"}


async def said(shop: Shop, *words: str) -> Said:
    line = [*words, "--kubeconfig", str(shop.server.path), "-n", shop.namespace]
    result = await asyncio.to_thread(CliRunner().invoke, app, line)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout.replace(shop.namespace, "shop"), result.stderr)


async def test_an_object_that_no_policy_selects_is_told_what_it_lacks(shop: Shop) -> None:
    found = await said(shop, "explain", "deployment/web")
    assert found == (
        0,
        "deployments.apps/web in shop\nno policy governs it: apply a PropagationPolicy that selects it\n",
        "",
    )


async def test_an_object_of_no_namespace_lacks_a_cluster_wide_policy(shop: Shop) -> None:
    found = await said(shop, "explain", "clusterrole/admin")
    assert found.out.startswith(
        "clusterroles.rbac.authorization.k8s.io/admin\nno policy governs it: apply a C"
    )


async def test_an_object_that_never_travels_says_so_whatever_selects_it(shop: Shop) -> None:
    await shop.api.apply(CONFIGMAPS, configmap("kube-root-ca.crt", shop.namespace), manager=USER)
    everything = {"apiVersion": "v1", "kind": "ConfigMap"}
    await shop.api.apply(POLICIES, policy("all", shop.namespace, everything), manager=USER)
    found = await said(shop, "explain", "cm", "kube-root-ca.crt")
    assert found.out.splitlines()[1:] == ["never propagated: every cluster has its own kube-root-ca.crt"]


async def test_without_a_binding_it_says_that_nobody_has_looked(shop: Shop) -> None:
    await shop.api.apply(POLICIES, policy("web", shop.namespace, A_DEPLOYMENT), manager=USER)
    found = await said(shop, "explain", "deployment/web")
    assert found.out.splitlines()[1:3] == [
        "governed by PropagationPolicy shop/web",
        "nothing is decided yet: the controller has not looked at it; is it running?",
    ]
    failed = await said(shop, "render", "deploy/web", "--all")
    assert failed.code == 1
    assert "it has no binding, so that no cluster is to hold it; see `atoll explain`" in failed.err


async def test_what_can_not_be_found_is_answered_with_the_remedy(shop: Shop) -> None:
    missing, unknown = await said(shop, "explain", "deploy/x"), await said(shop, "explain", "frob/web")
    assert (missing.code, unknown.code) == (1, 1)
    assert "not found on the host; is it in another namespace? Name that with -n" in missing.err
    assert "frob/web: the host serves no kind frob; see `kubectl api-resources`" in unknown.err


async def test_an_error_of_diff_is_no_difference(shop: Shop) -> None:
    assert (await said(shop, "diff", "deployment/nothing")).code == 2


async def proposed(shop: Shop, typed: str) -> list[str]:
    """What a shell proposes for the last word of a command."""
    command, _, rest = typed.partition(" ")
    asked = f"atoll {command} --kubeconfig {shop.server.path} -n {shop.namespace} {rest}"
    env = {"_ATOLL_COMPLETE": "complete_bash", "COMP_WORDS": asked, "COMP_CWORD": str(len(asked.split()) - 1)}
    result = await asyncio.to_thread(CliRunner().invoke, app, [], env=env, prog_name="atoll")
    return result.stdout.split()


async def test_a_shell_is_told_how_kinds_and_names_go_on(shop: Shop) -> None:
    assert await proposed(shop, "explain deploym") == ["deployments"]
    assert await proposed(shop, "explain deploy/w") == ["deploy/web"]
    assert await proposed(shop, "explain deploy w") == ["web"]
    assert await proposed(shop, "explain frob/") == []


@pytest_asyncio.fixture(loop_scope="module")
async def released(shop: Shop) -> AsyncIterator[Shop]:
    """The Deployment at nginx:2, placed on one cluster that a release has yet to begin with."""
    cluster = f"{shop.namespace}-m1"
    await shop.api.create(CLUSTERS, manifest("Cluster", {}, name=cluster), manager=USER)
    await shop.revision(1, "web-a")
    await shop.deploy("nginx:2")
    await shop.revision(2, "web-b")
    await shop.run(phase="Releasing", clusters=[{"name": cluster, "state": "Stable", "replicas": 2}])
    await shop.api.apply(POLICIES, policy("web", shop.namespace, A_DEPLOYMENT), manager=USER)
    spec = {
        "resource": {**DEPLOYMENT, "name": "web", "namespace": shop.namespace, "uid": shop.uid},
        "policy": {"kind": "PropagationPolicy", "namespace": shop.namespace, "name": "web"},
        "clusters": [{"name": cluster, "replicas": 2}],
    }
    binding = manifest("ResourceBinding", spec, name="web.deployments.apps", namespace=shop.namespace)
    await shop.api.create(BINDINGS, binding, manager=USER)
    yield shop
    await shop.api.delete(CLUSTERS, cluster)


async def test_a_release_is_told_and_what_a_cluster_holds_keeps_to_it(released: Shop) -> None:
    found = await said(released, "explain", "deploy/web")
    assert "rollout web-1: Releasing 1/3: 0/0 updated" in found.out
    rendered = await said(released, "render", "deploy/web", "--cluster", f"{released.namespace}-m1")
    (container,) = yaml.safe_load(rendered.out)["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "nginx:1"
    assert "spec.secretRef is not set; run `atoll join`" in rendered.err, "a member out of reach is told"


async def test_diff_ends_with_2_when_a_cluster_is_out_of_reach(released: Shop) -> None:
    found = await said(released, "diff", "deploy/web")
    assert (found.code, found.out) == (2, "")
    assert "spec.secretRef is not set; run `atoll join`" in found.err


async def test_a_shell_is_told_how_clusters_go_on(released: Shop) -> None:
    found = await proposed(released, f"render deploy/web --cluster {released.namespace}")
    assert found == [f"{released.namespace}-m1"]
