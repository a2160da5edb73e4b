"""atoll explain, render and diff, beside a running federation of a host and two members."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
import yaml
from typer.testing import CliRunner

from federation.cli.main import app
from federation.kube.resources import Manifest
from federation.members.autoscalers import AUTOSCALERS
from tests.cli.shop import Said
from tests.federated import (
    A_DEPLOYMENT,
    BINDINGS,
    CLUSTERS,
    DEPLOYMENTS,
    NAMESPACES,
    OVERRIDES,
    POLICIES,
    SECRETS,
    USER,
    Federated,
    autoscaler,
    deployment,
    policy,
    reason,
    reconciling,
    selects,
)
from tests.servers import Fleet

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "shop-0123456789"
"""What the namespace of a test is called in golden text: as long as it is."""
EU = {"component": "Registry", "operator": "add", "value": "eu.example.com"}


class Desk:
    """A person with atoll, in a namespace of a federation."""

    def __init__(self, atoll: Federated, fleet: Fleet, namespace: str) -> None:
        self.atoll, self.namespace, self._kubeconfig = atoll, namespace, str(fleet.host.path)

    async def say(self, *words: str) -> Said:
        line = [*words, "--kubeconfig", self._kubeconfig, "-n", self.namespace]
        result = await asyncio.to_thread(CliRunner().invoke, app, line)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout.replace(self.namespace, NAME), result.stderr)

    async def override(self, *rules: Manifest) -> None:
        metadata = {"name": "eu", "namespace": self.namespace}
        manifest = {"apiVersion": OVERRIDES.api_version, "kind": "OverridePolicy", "metadata": metadata}
        await self.atoll.host.apply(OVERRIDES, {**manifest, "spec": {"overrideRules": list(rules)}})

    @asynccontextmanager
    async def paused(self, cluster: str) -> AsyncIterator[None]:
        """Have nothing written to a cluster on which web is placed."""
        host = self.atoll.host
        await host.api.patch(CLUSTERS, cluster, None, {"spec": {"paused": True}}, manager=USER)
        try:
            await host.until(BINDINGS, "web.deployments.apps", self.namespace, _is_paused)
            yield
        finally:
            await host.api.patch(CLUSTERS, cluster, None, {"spec": {"paused": None}}, manager=USER)

    async def place(self, *names: str, replicas: int = 3) -> None:
        """Place the Deployment web on clusters, and wait until it is there."""
        host = self.atoll.host
        spec: dict[str, Any] = {"placement": {"clusterAffinity": {"clusterNames": list(names)}}}
        await host.apply(POLICIES, policy("web", self.namespace, A_DEPLOYMENT, **spec))
        await host.apply(DEPLOYMENTS, deployment("web", self.namespace, replicas=replicas))
        await host.until(BINDINGS, "web.deployments.apps", self.namespace, _is_applied)


def _is_applied(binding: Manifest | None) -> bool:
    return reason(binding, "Applied") == "AllApplied"


def _is_paused(binding: Manifest | None) -> bool:
    return reason(binding, "Applied") == "ClusterPaused"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def atoll(fleet: Fleet) -> AsyncIterator[Federated]:
    """One federation for all tests here: they only read, each in a namespace of its own."""
    async with reconciling(fleet) as atoll:
        yield atoll


@pytest_asyncio.fixture(loop_scope="module")
async def desk(atoll: Federated, fleet: Fleet, namespace: str) -> Desk:
    await atoll.make_namespace(namespace)
    return Desk(atoll, fleet, namespace)


async def test_explain_says_which_policy_governs_where_the_object_is_and_what_differs_there(
    desk: Desk,
) -> None:
    await desk.override(
        {"targetCluster": {"clusterNames": ["m1"]}, "overriders": {"imageOverrider": [EU]}},
        {"overriders": {"labelsOverrider": [{"operator": "add", "value": {"tier": "web"}}]}},
    )
    await desk.atoll.host.apply(POLICIES, policy("all", desk.namespace, A_DEPLOYMENT, priority=-1))
    await desk.place("m1")
    said = await desk.say("explain", "deploy", "web")
    assert said.out == EXPLAINED
    assert said.code == 0
    found = json.loads((await desk.say("explain", "deployments.apps/web", "-o", "json")).out)
    assert found["policy"] == {"kind": "PropagationPolicy", "namespace": NAME, "name": "web"}
    assert [each["reason"] for each in found["otherPolicies"]] == ["LowerPriority"]
    m1, m2 = found["clusters"]
    assert (m1["placed"], m1["copy"]["applied"]) == ({"name": "m1", "replicas": 3}, True)
    assert [change["after"] for rule in m1["overrides"] for change in rule["changes"]] == [
        "eu.example.com/nginx:1.27",
        "web",
    ]
    assert (m2["placed"], m2["notPlaced"]["reason"]) == (None, "AffinityMismatch")


async def test_render_prints_what_a_cluster_holds_without_marks(desk: Desk) -> None:
    await desk.override({"overriders": {"imageOverrider": [EU]}})
    await desk.place("m1")
    said = await desk.say("render", "deploy/web", "--cluster", "m1")
    manifest = yaml.safe_load(said.out)
    assert manifest["metadata"] == {"labels": {"app": "web"}, "name": "web", "namespace": NAME}
    assert manifest["spec"]["template"]["spec"]["containers"][0]["image"] == "eu.example.com/nginx:1.27"
    assert said.err == ""
    every = await desk.say("render", "deploy/web", "--all", "-o", "json")
    assert json.loads(every.out) == {"m1": manifest}
    elsewhere = await desk.say("render", "deploy/web", "--cluster", "m2")
    assert elsewhere.code == 1
    assert "is not placed on cluster m2, but on m1" in elsewhere.err


async def test_the_replicas_are_left_to_an_autoscaler_in_the_cluster(desk: Desk) -> None:
    await desk.place("m1", "m2")
    async with desk.paused("m1"):  # so that the replicas there are still ours
        await desk.atoll.members["m1"].apply(AUTOSCALERS, autoscaler("web", desk.namespace))
        every = json.loads((await desk.say("render", "deploy/web", "--all", "-o", "json")).out)
        assert await desk.say("diff", "deploy/web", "--cluster", "m1") == (0, "", ""), "they are kept"
    assert {name: "replicas" in manifest["spec"] for name, manifest in every.items()} == {
        "m1": False,
        "m2": True,
    }


async def test_diff_shows_drift_by_whose_it_is_and_nothing_that_others_own(desk: Desk) -> None:
    await desk.place("m1", "m2")
    assert (await desk.say("diff", "deploy/web")) == (0, "", "")
    async with desk.paused("m1"):  # what drifted would be put back
        m1, where = desk.atoll.members["m1"].api, (DEPLOYMENTS, "web", desk.namespace)
        replicas = {"spec": {"replicas": 8}}
        await m1.patch(*where, replicas, manager="kubectl-scale", subresource="scale")
        await m1.patch(*where, {"metadata": {"annotations": {"of": "others"}}}, manager="kubectl-edit")
        changed = deployment("web", desk.namespace, replicas=3, image="nginx:2")
        await desk.atoll.host.apply(DEPLOYMENTS, changed)
        said = await desk.say("diff", "deploy/web", "--cluster", "m1")
    assert said.out == DIFFERS
    assert said.code == 1


async def test_diff_ends_with_2_where_an_object_is_not_ours(desk: Desk) -> None:
    await desk.atoll.members["m2"].apply(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": desk.namespace}}
    )
    await desk.atoll.members["m2"].apply(SECRETS, secret(desk.namespace, "other"))
    await desk.atoll.host.apply(SECRETS, secret(desk.namespace, "hello"))
    await desk.atoll.host.apply(POLICIES, policy("keys", desk.namespace, selects("v1", "Secret")))
    await desk.atoll.host.until(
        BINDINGS, "key.secrets", desk.namespace, lambda b: reason(b, "Applied") == "ConflictResolutionAbort"
    )
    said = await desk.say("diff", "secret/key")
    assert (said.code, said.out) == (2, "")
    assert "ConflictResolutionAbort: secrets/key in" in said.err
    shown = await desk.say("render", "secret/key", "--cluster", "m1")
    assert yaml.safe_load(shown.out)["data"] == {"password": "***"}


async def test_diff_says_what_a_cluster_would_refuse(desk: Desk) -> None:
    await desk.place("m1")
    other = {"path": "/spec/selector/matchLabels/app", "operator": "replace", "value": "other"}
    await desk.override({"overriders": {"plaintext": [other]}})
    said = await desk.say("diff", "deploy/web")
    assert said.code == 2
    assert said.err.startswith("error: cluster m1 would refuse deployments.apps/web in")
    assert "selector" in said.err


def secret(namespace: str, password: str) -> Manifest:
    metadata = {"name": "key", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": password}}


EXPLAINED = """\
deployments.apps/web in shop-0123456789
governed by PropagationPolicy shop-0123456789/web
Scheduled: placed on 1 cluster

OTHER POLICY                            REASON          WHY
PropagationPolicy shop-0123456789/all   LowerPriority   has priority -1, and PropagationPolicy web has 0

CLUSTER   PLACED   REPLICAS   APPLIED   HEALTH    READY   WHY
m1        yes      3          yes       Unknown   -       -
m2        no       -          -         -         -       AffinityMismatch: does not match clusterAffinity

overrides in m1:
1. OverridePolicy shop-0123456789/eu: spec.overrideRules[0]
   spec.template.spec.containers[name=web].image: nginx:1.27 -> eu.example.com/nginx:1.27
2. OverridePolicy shop-0123456789/eu: spec.overrideRules[1]
   metadata.labels.tier: (none) -> web
"""
DIFFERS = """\
--- deployments.apps/web in shop-0123456789, cluster m1
+++ as the host wants it
@@ spec.replicas @@ drift: set by kubectl-scale
-8
+3
@@ spec.template.spec.containers[name=web].image @@ to be applied
-nginx:1.27
+nginx:2
"""
