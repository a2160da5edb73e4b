"""The API server takes our CRDs and enforces each rule in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import pytest
from kinds import CRD, DEPLOYMENTS, KINDS, RESOURCES, install_kinds, manifest, overriding, propagation

from federation.kube.api import Api
from federation.kube.config import from_dict
from federation.kube.errors import Invalid
from policies.api.meta import Manifest
from policies.api.schema import crds


class Case(NamedTuple):
    """A rule: an object that keeps it, one that breaks it, and what the server must say of that."""

    kind: str
    good: Manifest
    bad: Manifest
    says: str


def placement(**fields: Any) -> Manifest:
    return propagation(placement=fields)


def scheduling(**fields: Any) -> Manifest:
    return propagation(placement={"replicaScheduling": fields})


def spread(*constraints: Manifest) -> Manifest:
    return placement(spreadConstraints=list(constraints))


def tolerating(**toleration: Any) -> Manifest:
    return placement(clusterTolerations=[toleration])


def labelled(**requirement: Any) -> Manifest:
    return placement(clusterAffinity={"labelSelector": {"matchExpressions": [{"key": "a", **requirement}]}})


def failover(**fields: Any) -> Manifest:
    return propagation(failover={"application": fields})


def binding(**fields: Any) -> Manifest:
    return {"resource": {**DEPLOYMENTS, "plural": "deployments", "name": "web"}, **fields}


def releasing(**strategy: Any) -> Manifest:
    """The spec of a RolloutPolicy, in two batches unless there are steps."""
    return strategy if "steps" in strategy else {"batches": 2, **strategy}


def run(*steps: Manifest, **verbs: Any) -> Manifest:
    """The spec of a Rollout, in two batches unless there are steps."""
    return {
        "workloadRef": {**DEPLOYMENTS, "plural": "deployments", "name": "web"},
        "targetRevision": "web-2",
        "stableRevision": "web-1",
        "strategy": {"steps": list(steps)} if steps else {"batches": 2},
        **verbs,
    }


PP, OP, RB = "PropagationPolicy", "OverridePolicy", "ResourceBinding"
RP, RO = "RolloutPolicy", "Rollout"
ALL = {"updated": "100%"}
CLUSTER = {"spreadByField": "cluster"}
REGION = {"spreadByField": "region"}
NAMED = {**DEPLOYMENTS, "name": "web"}
ONE = {"clusterNames": ["m1"]}
TIERS = [{"affinityName": "a", "overflowAffinities": [ONE]}]
IMAGE = {"component": "Tag", "operator": "replace", "value": "v2"}
PATCH = [{"subPath": "/a", "operator": "remove"}]
STATE = {"rules": [{"aliasLabelName": "a", "jsonPath": "{.replicas}"}]}

RULES = {
    "only plain names adopt": Case(
        "MultiClusterService",
        {"mode": "NativeName", "adoptExisting": True},
        {"adoptExisting": True},
        "adoptExisting is for plain names; set mode to NativeName, or remove adoptExisting",
    ),
    "only who prefers says how many are enough": Case(
        "MultiClusterService",
        {"locality": {"mode": "PreferSameCluster", "minLocal": 2}},
        {"locality": {"mode": "Spread", "minLocal": 2}},
        "minLocal is for callers that prefer their own cluster; set mode to PreferSameCluster, or remove "
        "minLocal",
    ),
    "a toleration ends only for NoExecute": Case(
        PP,
        tolerating(key="a", effect="NoExecute", operator="Exists", tolerationSeconds=5),
        tolerating(key="a", effect="NoSchedule", operator="Exists", tolerationSeconds=5),
        "spec.placement.clusterTolerations[0].tolerationSeconds: Invalid value: "
        "only valid with effect NoExecute; set effect: NoExecute or remove tolerationSeconds",
    ),
    "Exists takes no value": Case(
        PP,
        tolerating(key="a", operator="Exists"),
        tolerating(key="a", operator="Exists", value="b"),
        "operator Exists takes no value",
    ),
    "only Exists tolerates every key": Case(
        PP,
        tolerating(operator="Exists"),
        tolerating(value="b"),
        "only operator Exists may leave the key empty",
    ),
    "a label in nothing": Case(
        PP,
        labelled(operator="In", values=["b"]),
        labelled(operator="In"),
        "operators In and NotIn need values",
    ),
    "a label that exists as something": Case(
        PP,
        labelled(operator="Exists"),
        labelled(operator="Exists", values=["b"]),
        "operators Exists and DoesNotExist take no values",
    ),
    "one affinity or several": Case(
        PP,
        placement(clusterAffinity=ONE, clusterAffinities=[]),
        placement(clusterAffinity=ONE, clusterAffinities=[{"affinityName": "a"}]),
        "clusterAffinity and clusterAffinities exclude each other; keep one of them",
    ),
    "a spread counts clusters": Case(
        PP, spread(REGION, CLUSTER), spread(REGION), "add one with spreadByField: cluster"
    ),
    "a spread is by field or label": Case(
        PP,
        spread(CLUSTER, {"spreadByLabel": "rack"}),
        spread(CLUSTER, {"spreadByField": "region", "spreadByLabel": "rack"}),
        "needs either spreadByField or spreadByLabel",
    ),
    "a spread is by something": Case(
        PP, spread(CLUSTER), spread(CLUSTER, {"minGroups": 1}), "needs either spreadByField or spreadByLabel"
    ),
    "one constraint a field": Case(
        PP, spread(CLUSTER, REGION), spread(CLUSTER, REGION, REGION), "has two constraints on one field"
    ),
    "one constraint a label": Case(
        PP,
        spread(CLUSTER, {"spreadByLabel": "a"}, {"spreadByLabel": "b"}),
        spread(CLUSTER, {"spreadByLabel": "a"}, {"spreadByLabel": "a"}),
        "has two constraints on one label",
    ),
    "at least is at most": Case(
        PP,
        spread(CLUSTER | {"minGroups": 2, "maxGroups": 2}),
        spread(CLUSTER | {"minGroups": 3, "maxGroups": 2}),
        "minGroups (1 unless set) exceeds maxGroups",
    ),
    "tiers need capacity": Case(
        PP,
        placement(
            clusterAffinities=TIERS,
            replicaScheduling={"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"},
        ),
        placement(clusterAffinities=TIERS, replicaScheduling={"replicaSchedulingType": "Divided"}),
        "overflowAffinities work only with",
    ),
    "tiers need division": Case(
        PP,
        placement(
            clusterAffinities=TIERS,
            replicaScheduling={"weightPreference": {"dynamicWeight": "AvailableReplicas"}},
        ),
        placement(clusterAffinities=TIERS),
        "overflowAffinities work only with",
    ),
    "one suspension": Case(
        PP,
        propagation(suspension={"dispatchingOnClusters": ONE}),
        propagation(suspension={"dispatching": True, "dispatchingOnClusters": ONE}),
        "dispatching already suspends all clusters",
    ),
    "preemption by name": Case(
        PP,
        propagation(selectors=[NAMED], preemption="Always"),
        propagation(selectors=[NAMED, DEPLOYMENTS], preemption="Always"),
        "set name in every resourceSelector or preemption: Never",
    ),
    "state moves only directly": Case(
        PP,
        failover(purgeMode="Directly", statePreservation=STATE),
        failover(statePreservation=STATE),
        "set purgeMode: Directly or remove statePreservation",
    ),
    "an image change has a value": Case(
        OP,
        overriding(imageOverrider=[IMAGE]),
        overriding(imageOverrider=[IMAGE | {"value": ""}]),
        "operators add and replace need a value",
    ),
    "an image removal has none": Case(
        OP,
        overriding(imageOverrider=[{"component": "Tag", "operator": "remove"}]),
        overriding(imageOverrider=[IMAGE | {"operator": "remove"}]),
        "operator remove takes no value",
    ),
    "an image has a repository": Case(
        OP,
        overriding(imageOverrider=[{"component": "Registry", "operator": "remove"}]),
        overriding(imageOverrider=[{"component": "Repository", "operator": "remove"}]),
        "an image can't be without a repository",
    ),
    "a change of nothing": Case(
        OP,
        overriding(labelsOverrider=[{"operator": "add", "value": {"a": "b"}}]),
        overriding(labelsOverrider=[{"operator": "add"}]),
        "names nothing to change; add at least one entry",
    ),
    "a document is JSON or YAML": Case(
        OP,
        overriding(fieldOverrider=[{"fieldPath": "/data/a", "json": PATCH}]),
        overriding(fieldOverrider=[{"fieldPath": "/data/a", "json": PATCH, "yaml": PATCH}]),
        "needs either json or yaml; set exactly one of them",
    ),
    "steps or batches": Case(
        RP,
        releasing(steps=[ALL]),
        releasing(steps=[ALL], batches=2),
        "needs either steps or batches; set exactly one of them",
    ),
    "a release has parts": Case(
        RP, releasing(steps=[], batches=50), releasing(steps=[]), "needs either steps or batches"
    ),
    "a step is a count or a percentage": Case(
        RP,
        releasing(steps=[{"updated": 0}, {"updated": "0%"}, {"updated": 2000}, ALL]),
        releasing(steps=[{"updated": "110%"}]),
        "spec.steps[0].updated: Invalid value: "
        "updated is neither a count of 0 or more nor a percentage up to 100%; write 3 or 10%",
    ),
    "a step is not negative": Case(
        RP,
        releasing(steps=[{"updated": 1}]),
        releasing(steps=[{"updated": -1}]),
        "updated is neither a count of 0 or more nor a percentage up to 100%",
    ),
    "a number in quotes is no percentage": Case(
        RP,
        releasing(maxUnavailable=5),
        releasing(maxUnavailable="5"),
        "maxUnavailable is neither a count of 0 or more nor a percentage up to 100%",
    ),
    "a cluster's bound is a count or a percentage": Case(
        RP,
        releasing(maxUnavailablePerCluster="100%"),
        releasing(maxUnavailablePerCluster="a%"),
        "maxUnavailablePerCluster is neither a count of 0 or more nor a percentage up to 100%",
    ),
    "a budget is a count or a percentage": Case(
        RP,
        releasing(failureBudget={"pods": "1%"}),
        releasing(failureBudget={"pods": -1}),
        "pods is neither a count of 0 or more nor a percentage up to 100%",
    ),
    "a rollback's bound is a count or a percentage": Case(
        RP,
        releasing(rollback={"maxUnavailable": 3}),
        releasing(rollback={"maxUnavailable": "03%"}),
        "spec.rollback.maxUnavailable: Invalid value: maxUnavailable is neither a count",
    ),
    "a release moves": Case(
        RP,
        releasing(maxUnavailable=1),
        releasing(maxUnavailable=0),
        "with maxUnavailable 0 no pod could ever be replaced; set 1 or more, or a percentage",
    ),
    "a release moves in each cluster": Case(
        RP,
        releasing(maxUnavailablePerCluster="1%"),
        releasing(maxUnavailablePerCluster="0%"),
        "with maxUnavailablePerCluster 0 no pod could ever be replaced",
    ),
    "a rollback moves": Case(
        RP,
        releasing(rollback={}),
        releasing(rollback={"maxUnavailable": 0}),
        "spec.rollback.maxUnavailable: Invalid value: with maxUnavailable 0 no pod could ever be replaced",
    ),
    "a batch there is can be approved": Case(
        RO,
        run(approvedStep=2),
        run(approvedStep=3),
        "approvedStep is more than the steps there are; see status.totalSteps",
    ),
    "a step there is can be approved": Case(
        RO,
        run({"updated": 1}, ALL, approvedStep=2),
        run({"updated": 1}, ALL, approvedStep=3),
        "approvedStep is more than the steps there are",
    ),
    "a step that is added can be approved": Case(
        RO,
        run({"updated": 1}, approvedStep=2),
        run({"updated": 1}, approvedStep=3),
        "approvedStep is more than the steps there are",
    ),
    "a step after all of some clusters can be approved": Case(
        RO,
        run(ALL | {"clusters": ONE}, approvedStep=2),
        run(ALL | {"clusters": ONE}, approvedStep=3),
        "approvedStep is more than the steps there are",
    ),
}

BOUNDS = {
    "a mode is one of two": Case(
        "MultiClusterService", {"mode": "ClusterSet"}, {"mode": "Both"}, "supported values"
    ),
    "a release has batches": Case(
        RP, releasing(batches=1), releasing(batches=0), "should be greater than or equal to 1"
    ),
    "a release has few batches": Case(
        RP, releasing(batches=50), releasing(batches=51), "should be less than or equal to 50"
    ),
    "a release has few steps": Case(
        RP,
        releasing(steps=[{"updated": i} for i in range(50)]),
        releasing(steps=[{"updated": i} for i in range(51)]),
        "must have at most 50 items",
    ),
    "an amount is short": Case(
        RP, releasing(maxUnavailable="100%"), releasing(maxUnavailable="1000%"), "may not be more than 4"
    ),
    "an amount is whole": Case(
        RP, releasing(maxUnavailable=1), releasing(maxUnavailable=1.5), "maxUnavailable"
    ),
    "a run is stopped in one of two ways": Case(
        RO, run(abort="Stop"), run(abort="Halt"), 'supported values: "", "Rollback", "Stop"'
    ),
    "a policy selects something": Case(
        PP, propagation(), propagation(selectors=[]), "should have at least 1 items"
    ),
    "a weight counts": Case(
        PP,
        scheduling(weightPreference={"staticWeightList": [{"targetCluster": ONE, "weight": 1}]}),
        scheduling(weightPreference={"staticWeightList": [{"targetCluster": ONE, "weight": 0}]}),
        "should be greater than or equal to 1",
    ),
    "a group has a name": Case(
        PP,
        placement(clusterAffinities=[{"affinityName": "a" * 32}]),
        placement(clusterAffinities=[{"affinityName": "a" * 33}]),
        "may not be more than 32",
    ),
    "groups have different names": Case(
        PP,
        placement(clusterAffinities=[{"affinityName": "a"}, {"affinityName": "b"}]),
        placement(clusterAffinities=[{"affinityName": "a"}, {"affinityName": "a"}]),
        'Duplicate value: {"affinityName":"a"}',
    ),
    "tolerations are equal or exist": Case(
        PP,
        tolerating(key="a", operator="Equal"),
        tolerating(key="a", operator="Lt"),
        'supported values: "Equal", "Exists"',
    ),
    "priority is an int32": Case(
        PP, propagation(priority=2**31 - 1), propagation(priority=2**31), "should be less than or equal to"
    ),
    "an override has rules": Case(
        OP, overriding(merge={"spec": {}}), {"overrideRules": []}, "should have at least 1 items"
    ),
    "a variable has a name": Case(
        OP,
        overriding(envOverrider=[{"containerName": "a", "operator": "add", "value": [{"name": "A"}]}]),
        overriding(envOverrider=[{"containerName": "a", "operator": "add", "value": [{"value": "b"}]}]),
        "value[0].name: Required value",
    ),
    "a cluster is placed on once": Case(
        RB,
        binding(clusters=[{"name": "m1"}, {"name": "m2"}]),
        binding(clusters=[{"name": "m1"}, {"name": "m1"}]),
        'Duplicate value: {"name":"m1"}',
    ),
    "a binding's policy is one of ours": Case(
        RB,
        binding(policy={"kind": PP, "name": "a"}),
        binding(policy={"kind": "Policy", "name": "a"}),
        'supported values: "PropagationPolicy", "ClusterPropagationPolicy"',
    ),
    "a cluster's taints have effects": Case(
        "Cluster",
        {"taints": [{"key": "a", "effect": "NoExecute"}]},
        {"taints": [{"key": "a", "effect": "PreferNoSchedule"}]},
        'supported values: "NoSchedule", "NoExecute"',
    ),
}

CASES = RULES | BOUNDS


class Change(NamedTuple):
    """A rule about updates: a Rollout, a change that keeps it, one that breaks it, and what is said then."""

    before: Manifest
    good: Manifest
    bad: Manifest
    says: str


CHANGES = {
    "a run is of one workload": Change(
        run(),
        {"paused": True},
        {"workloadRef": {"name": "api"}},
        "spec.workloadRef: Invalid value: "
        "workloadRef of a run never changes; change the workload or its policy for the next run",
    ),
    "a run has one target": Change(
        run(), {"promote": True}, {"targetRevision": "web-3"}, "targetRevision of a run never changes"
    ),
    "a run has one way back": Change(
        run(), {"skipClusters": ["m1"]}, {"stableRevision": "web-0"}, "stableRevision of a run never changes"
    ),
    "a run keeps its strategy": Change(
        run(),
        {"strategy": {"batches": 2}},
        {"strategy": {"maxUnavailable": 1}},
        "strategy of a run never changes",
    ),
    "what was approved stays so": Change(
        run(approvedStep=1), {"approvedStep": 2}, {"approvedStep": 0}, "approvedStep never decreases"
    ),
    "an approval is not taken out": Change(
        run(approvedStep=1), {"approvedStep": 1}, {"approvedStep": None}, "approvedStep never decreases"
    ),
    "a retry was made": Change(run(retry=1), {"retry": 2}, {"retry": 0}, "retry never decreases"),
    "no retry is one of 0": Change(
        run(retry=0), {"retry": None}, {"retry": -1}, "should be greater than or equal to 0"
    ),
    "an aborted run is over": Change(
        run(abort="Stop"), {"paused": True}, {"abort": ""}, "an aborted run stays aborted"
    ),
    "a run is aborted in one way": Change(
        run(abort=""), {"abort": "Stop"}, {"abort": "Halt"}, "supported values"
    ),
    "an abort is not taken out": Change(
        run(abort="Rollback"), {"abort": "Rollback"}, {"abort": None}, "an aborted run stays aborted"
    ),
    "a run that stops does not roll back": Change(
        run(abort="Stop"), {"abort": "Stop"}, {"abort": "Rollback"}, "an aborted run stays aborted"
    ),
}


@pytest.fixture(scope="module")
def kubeconfig(apiserver: Any) -> Any:
    async def install() -> None:
        async with Api(await from_dict(apiserver.kubeconfig)) as api:
            await install_kinds(api)

    asyncio.run(install())
    return apiserver.kubeconfig


@pytest.fixture
async def api(kubeconfig: dict[str, Any]) -> AsyncIterator[Api]:
    async with Api(await from_dict(kubeconfig)) as api:
        yield api


async def try_out(api: Api, candidate: Manifest) -> Manifest:
    """What the server would store."""
    path = RESOURCES[candidate["kind"]].path(candidate["metadata"].get("namespace"))
    return await api.request("POST", path, query={"dryRun": "All"}, body=candidate)


async def test_every_crd_is_established_and_structural(api: Api) -> None:
    for crd in crds(KINDS):
        live = await api.get(CRD, crd["metadata"]["name"])
        conditions = {c["type"]: c["status"] for c in live["status"]["conditions"]}
        assert conditions["Established"] == "True"
        assert conditions["NamesAccepted"] == "True"
        assert conditions.get("NonStructuralSchema", "False") == "False"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_good_object_is_stored(api: Api, case: Case) -> None:
    stored = await try_out(api, manifest(case.kind, case.good))
    assert stored["metadata"]["uid"]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_bad_object_is_refused_with_the_remedy(api: Api, case: Case) -> None:
    with pytest.raises(Invalid) as refusal:
        await try_out(api, manifest(case.kind, case.bad))
    assert case.says in refusal.value.message


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_keeps_what_must_stay(api: Api, namespace: str, change: Change) -> None:
    rollouts, where = RESOURCES[RO], (namespace, "default")
    await api.create(rollouts, manifest(RO, change.before, name=namespace), manager="t")
    with pytest.raises(Invalid) as refusal:
        await api.patch(rollouts, *where, {"spec": change.bad}, manager="t")
    assert change.says in refusal.value.message
    await api.patch(rollouts, *where, {"spec": change.good}, manager="t")


async def test_the_name_of_a_cluster_is_a_dns_label(api: Api) -> None:
    await try_out(api, manifest("Cluster", {}, name="eu-west-1"))
    for name in ("eu.west", "a" * 64):
        with pytest.raises(Invalid, match="has at most 63 characters and no dots"):
            await try_out(api, manifest("Cluster", {}, name=name))


async def test_cluster_scoped_kinds_have_the_rules_of_their_namespaced_twins(api: Api) -> None:
    for case in CASES.values():
        if f"Cluster{case.kind}" in RESOURCES:
            await try_out(api, manifest(f"Cluster{case.kind}", case.good))
            with pytest.raises(Invalid):
                await try_out(api, manifest(f"Cluster{case.kind}", case.bad))


def test_each_rule_of_the_models_has_its_case_here() -> None:
    said = [case.says for case in RULES.values()] + ["has at most 63 characters and no dots"]
    said += [change.says for change in CHANGES.values()]
    for crd in crds(KINDS):
        for message in rule_messages(crd):
            assert any(text in message or message in text for text in said), message


def rule_messages(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from rule_messages(item)
    elif isinstance(node, dict):
        yield from (rule["message"] for rule in node.get("x-kubernetes-validations", ()))
        for value in node.values():
            yield from rule_messages(value)


async def test_defaults_are_stored_and_nothing_empty_with_them(api: Api) -> None:
    stored = await try_out(api, manifest(PP, propagation(placement={"replicaScheduling": {}})))
    assert stored["spec"] == propagation(
        placement={
            "failback": "Never",
            "replicaScheduling": {
                "replicaSchedulingType": "Divided",
                "replicaDivisionPreference": "Weighted",
            },
        },
        preemption="Never",
        conflictResolution="Abort",
    )


async def test_free_values_are_stored_as_written_nulls_included(api: Api) -> None:
    spec = overriding(
        merge={"spec": {"paused": None, "unknown": [1, {"a": None}]}},
        plaintext=[
            {"path": "/a", "operator": "add", "value": None},
            {"path": "/b", "operator": "add", "value": {"c": [1, "2", None]}},
        ],
        envOverrider=[
            {
                "containerName": "a",
                "operator": "add",
                "value": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            }
        ],
    )
    assert (await try_out(api, manifest(OP, spec)))["spec"] == spec


async def test_spec_writes_leave_status_alone(api: Api, namespace: str) -> None:
    clusters = RESOURCES["Cluster"]
    name = namespace
    await api.create(
        clusters, manifest("Cluster", {}, name=name) | {"status": {"kubernetesVersion": "v0"}}, manager="t"
    )
    assert "status" not in await api.get(clusters, name)
    await api.patch(
        clusters, name, None, {"status": {"kubernetesVersion": "v1"}}, manager="t", subresource="status"
    )
    assert (await api.get(clusters, name))["status"] == {"kubernetesVersion": "v1"}


async def test_two_writers_share_conditions_by_type(api: Api, namespace: str) -> None:
    clusters, name = RESOURCES["Cluster"], namespace
    await api.create(clusters, manifest("Cluster", {}, name=name), manager="t")
    for manager, type_ in (("one", "Ready"), ("two", "Held")):
        condition = {
            "type": type_,
            "status": "True",
            "reason": "Test",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        body = manifest("Cluster", {}, name=name) | {"status": {"conditions": [condition]}}
        del body["spec"]
        await api.apply(clusters, body, manager=manager, subresource="status")
    live = await api.get(clusters, name)
    assert [c["type"] for c in live["status"]["conditions"]] == ["Ready", "Held"]


async def test_kubectl_shows_what_matters(api: Api, namespace: str) -> None:
    policy = manifest("ClusterPropagationPolicy", propagation(), name=namespace)
    resource = RESOURCES["ClusterPropagationPolicy"]
    await api.create(resource, policy, manager="t")
    status = {
        "matched": 3,
        "applied": 2,
        "failed": 1,
        "conditions": [{"type": "Ready", "status": "False", "reason": "Failed"}],
    }
    await api.patch(resource, namespace, None, {"status": status}, manager="t", subresource="status")
    assert await table(api, resource.path(None, namespace)) == {
        "Name": namespace,
        "Matched": 3,
        "Applied": 2,
        "Failed": 1,
        "Ready": "False",
    }


async def test_kubectl_shows_how_a_template_fares(api: Api, namespace: str) -> None:
    spec = binding(policy={"kind": PP, "name": "web"})
    await api.create(RESOURCES[RB], manifest(RB, spec, name=namespace), manager="t")
    conditions = [
        {"type": type_, "status": status, "reason": "Test"}
        for type_, status in (("Scheduled", "True"), ("Applied", "False"))
    ]
    body = {"status": {"conditions": conditions}}
    await api.patch(RESOURCES[RB], namespace, "default", body, manager="t", subresource="status")
    assert await table(api, RESOURCES[RB].path("default", namespace)) == {
        "Name": namespace,
        "Scheduled": "True",
        "Applied": "False",
        "Healthy": None,
        "Policy": "web",
    }


async def test_kubectl_shows_how_a_release_stands(api: Api, namespace: str) -> None:
    await api.create(RESOURCES[RO], manifest(RO, run(), name=namespace), manager="t")
    status = {
        "phase": "Releasing",
        "reason": "WaitingForPods",
        "step": "1/2",
        "updated": 5,
        "updatedReady": 4,
        "replicas": 10,
    }
    await api.patch(
        RESOURCES[RO], namespace, "default", {"status": status}, manager="t", subresource="status"
    )
    assert await table(api, RESOURCES[RO].path("default", namespace)) == {
        "Name": namespace,
        "Workload": "web",
        "Kind": "Deployment",
        "Step": "1/2",
        "Updated": 5,
        "Ready": 4,
        "Replicas": 10,
        "Phase": "Releasing",
        "Reason": "WaitingForPods",
    }


async def table(api: Api, path: str) -> dict[str, Any]:
    """The columns `kubectl get` prints, but for the age."""
    answer = await api.request("GET", path, accept="application/json;as=Table;g=meta.k8s.io;v=v1")
    names = [column["name"] for column in answer["columnDefinitions"] if column["priority"] == 0]
    return {n: cell for n, cell in zip(names, answer["rows"][0]["cells"], strict=False) if n != "Age"}
