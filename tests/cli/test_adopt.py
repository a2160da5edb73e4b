"""atoll adopt, beside a running federation: what runs in a member comes under it as it is, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from federation.cli.adopting.asking import Asked, connected, proposals
from federation.cli.adopting.carrying import carry
from federation.cli.main import app
from federation.kube.errors import ApiError
from federation.kube.resources import Manifest, Resource
from federation.members.autoscalers import AUTOSCALERS
from federation.resources import ROLLOUT_POLICY, SERVICE_ACCOUNTS
from tests.cli.shop import Said
from tests.federated import (
    A_CONFIGMAP,
    A_DEPLOYMENT,
    BINDINGS,
    CLUSTERS,
    CONFIGMAPS,
    DEPLOYMENTS,
    GROUP,
    NAMESPACES,
    OVERRIDES,
    POLICIES,
    SECRETS,
    USER,
    Federated,
    autoscaler,
    configmap,
    deployment,
    policy,
    reason,
    reconciling,
    rollout_policy,
    selects,
)
from tests.servers import Fleet

pytestmark = pytest.mark.asyncio(loop_scope="module")

KUBECTL = "kubectl-client-side-apply"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
HOST_LABEL = f"{GROUP}/host"
KINDS = {each.kind: each for each in (CONFIGMAPS, SECRETS, SERVICE_ACCOUNTS)}
TWO_TO_ONE = [
    {"targetCluster": {"clusterNames": ["m1"]}, "weight": 2},
    {"targetCluster": {"clusterNames": ["m2"]}, "weight": 1},
]


class Desk:
    """A person with atoll, in a namespace of the host and of both members."""

    def __init__(self, atoll: Federated, fleet: Fleet, namespace: str) -> None:
        self.atoll, self.host, self.members = atoll, atoll.host, atoll.members
        self.namespace, self._kubeconfig = namespace, str(fleet.host.path)

    async def adopt(self, *words: str) -> Said:
        line = ["adopt", "--from", "m1", "--kubeconfig", self._kubeconfig, "-n", self.namespace, *words]
        result = await asyncio.to_thread(CliRunner().invoke, app, line)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(
            result.exit_code,
            *(each.replace(self.namespace, "shop") for each in (result.stdout, result.stderr)),
        )

    async def runs(
        self, manifest: Manifest, resource: Resource = DEPLOYMENTS, cluster: str = "m1"
    ) -> Manifest:
        """Have a member run an object, made by `kubectl apply`."""
        metadata = manifest["metadata"]
        annotations = metadata.get("annotations", {}) | {LAST_APPLIED: json.dumps(manifest)}
        made = manifest | {"metadata": metadata | {"annotations": annotations}}
        return await self.members[cluster].api.create(resource, made, manager=KUBECTL)

    async def govern(self, *clusters: str, name: str = "all", **more: Any) -> None:
        placement = {"clusterAffinity": {"clusterNames": list(clusters)}, **more.pop("placement", {})}
        await self.host.apply(
            POLICIES,
            policy(name, self.namespace, A_DEPLOYMENT, A_CONFIGMAP, **({"placement": placement} | more)),
        )

    async def override(self, image: str) -> None:
        rule = {
            "overriders": {"imageOverrider": [{"component": "Tag", "operator": "replace", "value": image}]}
        }
        metadata = {"name": "tag", "namespace": self.namespace}
        manifest = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "OverridePolicy", "metadata": metadata}
        await self.host.apply(OVERRIDES, manifest | {"spec": {"overrideRules": [rule]}})

    async def in_member(
        self, resource: Resource = DEPLOYMENTS, cluster: str = "m1", name: str = "web"
    ) -> Manifest:
        return await self.members[cluster].api.get(resource, name, self.namespace)

    async def on_host(self, resource: Resource = DEPLOYMENTS, name: str = "web") -> Manifest | None:
        return await self.host.get(resource, name, self.namespace)

    async def untouched(self, before: Manifest) -> bool:
        """Whether neither the member nor the host was written to."""
        now = await self.in_member()
        same = now["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
        binding = await self.host.get(BINDINGS, "web.deployments.apps", self.namespace)
        return same and await self.on_host() is None and binding is None


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def atoll(fleet: Fleet) -> AsyncIterator[Federated]:
    """One federation for all tests here, each in a namespace of its own."""
    async with reconciling(fleet) as atoll:
        yield atoll


@pytest_asyncio.fixture(loop_scope="module")
async def desk(atoll: Federated, fleet: Fleet, namespace: str) -> AsyncIterator[Desk]:
    await atoll.make_namespace(namespace)
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    for member in atoll.members.values():
        await member.apply(NAMESPACES, manifest)
    yield Desk(atoll, fleet, namespace)
    await atoll.host.delete(POLICIES, "all", namespace)


async def test_what_runs_is_taken_over_as_it_is_and_others_get_it_too(desk: Desk) -> None:
    before = await desk.runs(deployment("web", desk.namespace))
    await desk.govern("m1", "m2")
    said = await desk.adopt("deploy/web")
    assert said.code == 0, said
    assert said.out.splitlines() == [
        "deployments.apps/web in shop, new on the host, by PropagationPolicy shop/all",
        "  = m1: taken over as it is, 2 replicas",
        "  + m2: create, 2 replicas",
        "deployment.apps/web adopted",
    ]
    now = await desk.in_member()
    assert (now["metadata"]["uid"], now["spec"]) == (before["metadata"]["uid"], before["spec"])
    assert now["metadata"]["labels"][HOST_LABEL] == desk.atoll.host_id
    await desk.members["m2"].until(DEPLOYMENTS, "web", desk.namespace, lambda d: d)


async def test_what_leaves_the_template_later_leaves_the_cluster_though_kubectl_had_set_it(
    desk: Desk,
) -> None:
    before = await desk.runs(configmap("web", desk.namespace, kept="1", left="2"), CONFIGMAPS)
    await desk.govern("m1")
    assert (await desk.adopt("cm/web")).code == 0
    body = {"data": {"left": None}}
    await desk.host.api.patch(CONFIGMAPS, "web", desk.namespace, body, manager=USER)
    now = await desk.members["m1"].until(
        CONFIGMAPS, "web", desk.namespace, lambda c: c and c["data"] == {"kept": "1"}
    )
    assert now["metadata"]["uid"] == before["metadata"]["uid"]


@pytest.mark.soak
async def test_the_files_of_kubectl_apply_go_on_working_on_the_host(desk: Desk) -> None:
    manifest = deployment("web", desk.namespace)
    await desk.runs(manifest)
    await desk.govern("m1")
    assert (await desk.adopt("deploy/web", "-o", "name")).out == "deployment.apps/web\n"
    made = await desk.on_host()
    assert made is not None
    assert json.loads(made["metadata"]["annotations"][LAST_APPLIED]) == manifest
    assert [
        each["manager"] for each in made["metadata"]["managedFields"] if "f:spec" in each["fieldsV1"]
    ] == [KUBECTL]


async def test_a_dry_run_writes_nothing_and_says_what_would_come(desk: Desk) -> None:
    before = await desk.runs(deployment("web", desk.namespace))
    await desk.govern("m1")
    said = await desk.adopt("deploy/web", "--dry-run")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[1:] == [
        "  = m1: taken over as it is, 2 replicas",
        "deployment.apps/web would be adopted (dry run)",
    ]
    (found,) = json.loads((await desk.adopt("deploy/web", "--dry-run", "-o", "json")).out)
    assert (found["adopted"], found["onHost"], found["changes"]) == (False, False, [])
    assert (found["from"]["name"], found["from"]["replicas"]) == ("m1", 2)
    assert await desk.untouched(before)


@pytest.mark.soak
async def test_replicas_that_an_autoscaler_decides_there_stay_its_own(desk: Desk) -> None:
    await desk.runs(deployment("web", desk.namespace))
    await desk.members["m1"].apply(AUTOSCALERS, autoscaler("web", desk.namespace))
    replicas = {"spec": {"replicas": 7}}
    m1 = desk.members["m1"].api
    await m1.patch(DEPLOYMENTS, "web", desk.namespace, replicas, manager="hpa", subresource="scale")
    scheduling = {"weightPreference": {"staticWeightList": TWO_TO_ONE}}
    await desk.govern("m1", "m2", placement={"replicaScheduling": scheduling})
    said = await desk.adopt("deploy/web")
    assert (said.code, "  = m1: taken over as it is, 7 replicas" in said.out) == (0, True), said
    now = await desk.in_member()
    owners = [
        each["manager"]
        for each in now["metadata"]["managedFields"]
        if "f:replicas" in each["fieldsV1"].get("f:spec", {})
    ]
    assert (now["spec"]["replicas"], owners) == (7, ["hpa"])


@pytest.mark.soak
@pytest.mark.parametrize("preference", ["Aggregated", "Weighted"])
async def test_what_goes_by_capacity_stays_where_it_is(desk: Desk, preference: str) -> None:
    """Nothing is free anywhere: these members have no nodes."""
    await desk.runs(deployment("web", desk.namespace))
    scheduling: Manifest = {"replicaDivisionPreference": preference}
    if preference == "Weighted":
        scheduling["weightPreference"] = {"dynamicWeight": "AvailableReplicas"}
    await desk.govern("m1", "m2", placement={"replicaScheduling": scheduling})
    said = await desk.adopt("deploy/web")
    assert said.code == 0, said
    binding = await desk.host.api.get(BINDINGS, "web.deployments.apps", desk.namespace)
    assert [(each["name"], each["replicas"]) for each in binding["spec"]["clusters"]] == [("m1", 2)]


@pytest.mark.soak
@pytest.mark.parametrize("more", [{}, {"activationPreference": "Lazy"}], ids=["released in batches", "lazy"])
async def test_policies_that_act_on_changes_find_none(desk: Desk, more: Manifest) -> None:
    before = await desk.runs(deployment("web", desk.namespace))
    await desk.govern("m1", **more)
    if not more:
        await desk.host.apply(ROLLOUT_POLICY, rollout_policy("all", desk.namespace, A_DEPLOYMENT, batches=2))
    said = await desk.adopt("deploy/web")
    assert said.code == 0, said
    now = await desk.in_member()
    assert (now["metadata"]["uid"], now["spec"]) == (before["metadata"]["uid"], before["spec"])
    await desk.host.until(
        BINDINGS, "web.deployments.apps", desk.namespace, lambda b: reason(b, "Applied") == "AllApplied"
    )


async def test_replicas_that_would_move_are_told_and_move_only_if_allowed(desk: Desk) -> None:
    before = await desk.runs(deployment("web", desk.namespace, replicas=6))
    scheduling = {"weightPreference": {"staticWeightList": TWO_TO_ONE}}
    await desk.govern("m1", "m2", placement={"replicaScheduling": scheduling})
    said = await desk.adopt("deploy/web")
    assert said.code == 1
    assert said.out.splitlines()[1:] == [
        "  ~ m1: taken over and changed, 4 replicas",
        "      spec.replicas: 6 -> 4",
        "  + m2: create, 2 replicas",
    ]
    assert "would not stay as it is in cluster m1 (spec.replicas)" in said.err
    assert "--allow-changes" in said.err
    assert await desk.untouched(before)
    assert (await desk.adopt("deploy/web", "--allow-changes")).code == 0
    assert (await desk.in_member())["spec"]["replicas"] == 4


@pytest.mark.soak
async def test_what_an_override_would_change_there_is_shown_and_refused(desk: Desk) -> None:
    before = await desk.runs(deployment("web", desk.namespace))
    await desk.govern("m1")
    await desk.override("1.28")
    said = await desk.adopt("deploy/web")
    assert said.code == 1
    assert (
        "      spec.template.spec.containers[name=web].image: nginx:1.27 -> nginx:1.28"
        in said.out.splitlines()
    )
    assert await desk.untouched(before)


async def test_a_template_that_differs_is_shown_against_what_runs(desk: Desk) -> None:
    before = await desk.runs(deployment("web", desk.namespace))
    await desk.host.apply(DEPLOYMENTS, deployment("web", desk.namespace, image="nginx:2"))
    await desk.govern("m1")
    said = await desk.adopt("deploy/web")
    assert said.code == 1
    assert said.out.splitlines()[0] == (
        "deployments.apps/web in shop, as the host has it, by PropagationPolicy shop/all"
    )
    assert (
        "      spec.template.spec.containers[name=web].image: nginx:1.27 -> nginx:2" in said.out.splitlines()
    )
    now = await desk.in_member()
    assert now["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_all_is_checked_before_anything_is_written(desk: Desk) -> None:
    before = await desk.runs(deployment("web", desk.namespace))
    await desk.govern("m1")
    theirs = configmap("theirs", desk.namespace)
    theirs["metadata"]["labels"] = {HOST_LABEL: "ffffffffffff"}
    await desk.runs(theirs, CONFIGMAPS)
    said = await desk.adopt("deploy/web", "deploy/gone", "cm/theirs")
    assert said.code == 1
    assert "configmaps/theirs in shop: it belongs to the federation host ffffffffffff" in said.err
    assert "deployments.apps/gone in shop: not found in cluster m1" in said.err
    assert await desk.untouched(before)


REFUSED = [
    ([], "no policy would govern it: apply a PropagationPolicy that selects it"),
    (["m2"], "PropagationPolicy shop/all would not have it in cluster m1: AffinityMismatch: "),
]


@pytest.mark.parametrize(("clusters", "why"), REFUSED, ids=["no policy", "another cluster"])
async def test_what_no_policy_has_there_is_refused(desk: Desk, clusters: list[str], why: str) -> None:
    before = await desk.runs(deployment("web", desk.namespace))
    if clusters:
        await desk.govern(*clusters)
    said = await desk.adopt("deploy/web")
    assert said.code == 1
    assert f"error: deployments.apps/web in shop: {why}" in said.err
    assert await desk.untouched(before)


@pytest.mark.soak
async def test_what_is_suspended_is_refused_since_nothing_would_come_of_it(desk: Desk) -> None:
    before = await desk.runs(deployment("web", desk.namespace))
    await desk.govern("m1", suspension={"dispatching": True})
    said = await desk.adopt("deploy/web")
    assert (said.code, "suspends writes to all clusters" in said.err) == (1, True)
    assert await desk.untouched(before)


@pytest.mark.soak
async def test_a_namespace_that_the_host_lacks_is_named(desk: Desk) -> None:
    await desk.runs(deployment("web", desk.namespace))
    name = f"{desk.namespace}-there"
    m1 = desk.members["m1"]
    await m1.apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    await m1.apply(DEPLOYMENTS, deployment("web", name))
    said = await desk.adopt("deploy/web", "-n", name)
    assert said.code == 1
    assert "the host has no namespace shop-there; `kubectl create namespace shop-there` there" in said.err


@pytest.mark.soak
async def test_a_cluster_that_is_paused_is_not_adopted_from(desk: Desk) -> None:
    await desk.runs(deployment("web", desk.namespace))
    await desk.host.api.patch(CLUSTERS, "m1", None, {"spec": {"paused": True}}, manager=USER)
    try:
        said = await desk.adopt("deploy/web")
    finally:
        await desk.host.api.patch(CLUSTERS, "m1", None, {"spec": {"paused": None}}, manager=USER)
    assert (said.code, said.err) == (
        1,
        "error: cluster m1 is paused; take spec.paused out of the Cluster first\n",
    )


@pytest.mark.soak
async def test_where_it_runs_by_itself_too_it_is_to_be_adopted_from_there(desk: Desk) -> None:
    for cluster in ("m1", "m2"):
        await desk.runs(deployment("web", desk.namespace), cluster=cluster)
    await desk.govern("m1", "m2")
    said = await desk.adopt("deploy/web")
    assert said.code == 0
    assert (
        "  ! m2: ConflictResolutionAbort: it runs there by itself; adopt it from m2, too"
        in said.out.splitlines()
    )
    again = await desk.adopt("deploy/web", "--from", "m2")
    assert again.code == 0, again
    assert again.out.splitlines()[1:3] == [
        "  = m2: taken over as it is, 2 replicas",
        "    m1: is there already",
    ]
    await desk.host.until(
        BINDINGS,
        "web.deployments.apps",
        desk.namespace,
        lambda b: b and [c.get("applied") for c in b["status"]["clusters"]] == [True, True],
    )


@pytest.mark.soak
async def test_labels_select_in_the_cluster(desk: Desk) -> None:
    await desk.runs(deployment("web", desk.namespace))
    await desk.runs(deployment("api", desk.namespace))
    await desk.govern("m1")
    said = await desk.adopt("deploy,cm", "-l", "app=web", "-o", "name")
    assert (said.code, said.out) == (0, "deployment.apps/web\n")
    assert await desk.on_host(name="api") is None


@pytest.mark.soak
async def test_again_it_finds_nothing_to_do(desk: Desk) -> None:
    await desk.runs(deployment("web", desk.namespace))
    await desk.govern("m1")
    await desk.adopt("deploy/web")
    before = await desk.in_member()
    said = await desk.adopt("deploy/web")
    assert said.code == 0
    assert (await desk.in_member())["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


@pytest.mark.soak
async def test_what_a_workload_needs_goes_along_with_it(desk: Desk) -> None:
    """A ConfigMap, and the Secret of a ServiceAccount; what is not in the cluster is no hindrance."""
    named = [("ConfigMap", "settings"), ("ServiceAccount", "web"), ("Secret", "registry")]
    before = await needing(desk)
    only_web = selects("apps/v1", "Deployment", name="web")
    await desk.host.apply(POLICIES, policy("all", desk.namespace, only_web, propagateDeps=True))
    said = await desk.adopt("deploy/web", "--include-dependencies")
    assert said.code == 0, said
    lines = [line for line in said.out.splitlines() if line.startswith(("configmaps/", "secrets/"))]
    assert lines == [
        f"{kind}/{name} in shop, new on the host, needed by Deployment web (PropagationPolicy shop/all)"
        for kind, name in (("configmaps", "settings"), ("secrets", "registry"))
    ]
    for kind, name in named:
        binding = await desk.host.api.get(BINDINGS, f"{name}.{kind.lower()}s", desk.namespace)
        assert [each["resource"]["name"] for each in binding["spec"]["requiredBy"]] == ["web"]
        live = await desk.in_member(KINDS[kind], name=name)
        assert (live["metadata"]["uid"], live["metadata"]["labels"]) == (
            before[kind],
            {HOST_LABEL: desk.atoll.host_id},
        )


@pytest.mark.soak
async def test_what_a_workload_needs_is_refused_where_no_policy_has_it_go_along(desk: Desk) -> None:
    await needing(desk)
    await desk.host.apply(POLICIES, policy("all", desk.namespace, A_DEPLOYMENT))
    said = await desk.adopt("deploy/web", "--include-dependencies")
    assert (said.code, await desk.on_host()) == (1, None)
    assert "configmaps/settings in shop: no policy would govern it" in said.err
    assert "propagateDeps" in said.err


async def needing(desk: Desk) -> dict[str, str]:
    """Have m1 run a Deployment that needs others; return their UIDs by kind."""
    made = deployment("web", desk.namespace)
    pod = made["spec"]["template"]["spec"]
    pod["serviceAccountName"] = "web"
    pod["containers"][0]["envFrom"] = [
        {"configMapRef": {"name": "settings"}},
        {"secretRef": {"name": "gone", "optional": True}},
    ]
    space = {"namespace": desk.namespace}
    core: list[Manifest] = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry", **space}},
        configmap("settings", desk.namespace, key="value"),
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "web", **space},
            "imagePullSecrets": [{"name": "registry"}],
        },
    ]
    uids = {each["kind"]: (await desk.runs(each, KINDS[each["kind"]]))["metadata"]["uid"] for each in core}
    await desk.runs(made)
    return uids


async def test_what_was_interrupted_stays_as_it_is_and_the_same_command_finishes_it(desk: Desk) -> None:
    """The record on the host and the mark in the cluster are there, the template is not."""
    before = await desk.runs(deployment("web", desk.namespace))
    await desk.govern("m1")
    await desk.host.apply(BINDINGS, recorded(desk.namespace, "m1"))
    body = {"metadata": {"labels": {HOST_LABEL: desk.atoll.host_id}}}
    await desk.members["m1"].api.patch(DEPLOYMENTS, "web", desk.namespace, body, manager="atoll-adopt")
    await desk.host.until(
        BINDINGS,
        "web.deployments.apps",
        desk.namespace,
        lambda b: reason(b, "Scheduled") == "TemplateMissing",
    )
    said = await desk.adopt("deploy/web")
    assert said.code == 0, said
    now = await desk.in_member()
    assert (now["metadata"]["uid"], now["spec"]) == (before["metadata"]["uid"], before["spec"])


@pytest.mark.soak
async def test_what_changes_between_the_check_and_the_mark_is_not_made_a_template(desk: Desk) -> None:
    await desk.runs(deployment("web", desk.namespace))
    await desk.govern("m1")
    asked = Asked(("deploy/web",), "m1", "", "", allow_changes=False)
    async with connected(desk.host.api, asked, print) as source:
        (proposal,), _ = await proposals(source, asked, desk.namespace)
        changed = deployment("web", desk.namespace, image="nginx:2")
        await desk.members["m1"].apply(DEPLOYMENTS, changed)
        with pytest.raises(ApiError, match="changed in cluster m1 meanwhile; run the command again"):
            await carry(source, proposal, 1.0, print)
    assert await desk.on_host() is None


@pytest.mark.soak
async def test_what_the_controller_does_not_take_over_in_time_says_how_to_go_on(desk: Desk) -> None:
    await desk.runs(deployment("web", desk.namespace))
    await desk.govern("m1")
    said = await desk.adopt("deploy/web", "--host-id", "ffffffffffff", "--timeout", "0.1")
    assert said.code == 1
    assert "error: deployments.apps/web in shop: not taken over within 0.1 s: " in said.err
    assert "the same command again finishes it" in said.err


def recorded(namespace: str, cluster: str) -> Manifest:
    resource = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": "web"}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "ResourceBinding",
        "metadata": {"name": "web.deployments.apps", "namespace": namespace},
        "spec": {
            "resource": {**resource, "namespace": namespace},
            "clusters": [{"name": cluster, "replicas": 2}],
        },
    }
