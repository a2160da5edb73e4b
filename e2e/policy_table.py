"""What policies make of a template: for each rule the policies, and what the members have of it then.

The members are those of the sandbox: m1 to m3, each in a region of its own with three zones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from e2e.fleet import CRON_JOBS, JOBS
from federation.kube.resources import Manifest, Resource
from tests.federated import (
    A_CONFIGMAP,
    A_DEPLOYMENT,
    CONFIGMAPS,
    DEPLOYMENTS,
    GROUP,
    configmap,
    deployment,
    policy,
    selects,
)


@dataclass(frozen=True)
class Row:
    """One rule; manifests are without a namespace."""

    rule: str
    policies: Sequence[Manifest]
    placed: Mapping[str, int | None]
    """Clusters, with replicas where the kind has any; `a or b` for one of several."""
    template: Manifest = field(default_factory=lambda: deployment("web", "", replicas=1))
    resource: Resource = DEPLOYMENTS
    has: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By cluster, what its copy has at JSON pointers."""
    reason: str = ""
    """Of the condition that is False, if the wish can't be met."""


def _weighs(*weights: tuple[str, int]) -> Manifest:
    rules = [{"targetCluster": {"clusterNames": [name]}, "weight": weight} for name, weight in weights]
    return {"weightPreference": {"staticWeightList": rules}}


def _placed(rule: str, placement: Manifest, placed: Mapping[str, int | None], **more: Any) -> Row:
    return Row(rule, [policy("web", "", A_DEPLOYMENT, placement=placement)], placed, **more)


def _affinity(**affinity: Any) -> Manifest:
    return {"clusterAffinity": affinity}


def _field(key: str, operator: str, *values: str) -> Manifest:
    expression = {"key": key, "operator": operator, "values": list(values)}
    return _affinity(fieldSelector={"matchExpressions": [expression]})


def _spread(minimum: int, maximum: int, **by: str) -> Manifest:
    return {**by, "minGroups": minimum, "maxGroups": maximum}


ALL = {"m1": 1, "m2": 1, "m3": 1}

PLACEMENT = [
    _placed("no placement: everywhere, duplicated", {}, ALL),
    _placed("clusterNames", _affinity(clusterNames=["m1", "m3"]), {"m1": 1, "m3": 1}),
    _placed("exclude wins", _affinity(clusterNames=["m1", "m3"], exclude=["m1"]), {"m3": 1}),
    _placed("region In", _field("region", "In", "eu-west"), {"m1": 1}),
    _placed("region NotIn", _field("region", "NotIn", "eu-west"), {"m2": 1, "m3": 1}),
    _placed("any zone", _field("zone", "In", "eu-west-b"), {"m1": 1}),
    _placed("provider", _field("provider", "In", "sandbox"), ALL),
    _placed("nothing fits", _affinity(clusterNames=["m9"]), {}, reason="NoClusterFit"),
    _placed(
        "the first group that is feasible",
        {
            "clusterAffinities": [
                {"affinityName": "gone", "clusterNames": ["m9"]},
                {"affinityName": "here", "clusterNames": ["m2"]},
            ]
        },
        {"m2": 1},
    ),
    _placed(
        "spread over clusters",
        {"spreadConstraints": [_spread(2, 2, spreadByField="cluster")]},
        {"m1": 1, "m2": 1},
    ),
    _placed(
        "too few regions",
        {
            "spreadConstraints": [
                _spread(4, 5, spreadByField="region"),
                _spread(1, 9, spreadByField="cluster"),
            ]
        },
        {},
        reason="Unschedulable",
    ),
    _placed(
        "in one region: the first by name, as all have as many clusters",
        {
            "spreadConstraints": [
                _spread(1, 1, spreadByField="region"),
                _spread(1, 1, spreadByField="cluster"),
            ]
        },
        {"m3": 1},
    ),
]


def _divided(rule: str, scheduling: Manifest, placed: Mapping[str, int | None], replicas: int = 6) -> Row:
    template = deployment("web", "", replicas=replicas)
    return _placed(rule, {"replicaScheduling": scheduling}, placed, template=template)


ALIKE = {"m1": 2, "m2": 2, "m3": 2}
_BY_CAPACITY = {"weightPreference": {"dynamicWeight": "AvailableReplicas"}}

DIVISION = [
    _divided("by weights", _weighs(("m1", 3), ("m2", 2), ("m3", 1)), {"m1": 3, "m2": 2, "m3": 1}),
    _divided("without weights: alike", {}, ALIKE),
    _divided("a cluster that no rule names gets none", _weighs(("m1", 1), ("m3", 1)), {"m1": 3, "m3": 3}),
    _divided("no cluster of any rule: alike", _weighs(("m9", 7)), ALIKE),
    _divided("who gets 0 leaves the result", _weighs(("m1", 10), ("m2", 1), ("m3", 1)), {"m1": 3}, 3),
    _divided("duplicated", {"replicaSchedulingType": "Duplicated"}, {"m1": 6, "m2": 6, "m3": 6}),
    _divided("by what is free, which is alike", _BY_CAPACITY, ALIKE),
    _placed(
        "in as few clusters as can hold them",
        {
            "clusterAffinity": {"clusterNames": ["m1", "m2"]},
            "replicaScheduling": {"replicaDivisionPreference": "Aggregated"},
        },
        {"m1 or m2": 6},
        template=deployment("web", "", replicas=6),
    ),
]


def _rule(overriders: Manifest, *clusters: str) -> Manifest:
    target = {"targetCluster": {"clusterNames": list(clusters)}} if clusters else {}
    return target | {"overriders": overriders}


def _override(name: str, *rules: Manifest) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "OverridePolicy",
        "metadata": {"name": name},
        "spec": {"overrideRules": list(rules)},
    }


def _overridden(rule: str, overriders: Manifest, m1: Mapping[str, Any], m2: Mapping[str, Any]) -> Row:
    """Override in m1; m2 stays as it was."""
    policies = [
        policy("web", "", A_DEPLOYMENT, placement=_affinity(clusterNames=["m1", "m2"])),
        _override("mine", _rule(overriders, "m1")),
    ]
    template = deployment("web", "", replicas=1, image="shop/web:1.0")
    template["spec"]["template"]["spec"]["containers"][0] |= {
        "command": ["web", "-v"],
        "args": ["a", "b", "a"],
        "env": [{"name": "TIER", "value": "low"}],
    }
    return Row(rule, policies, {"m1": 1, "m2": 1}, template, has={"m1": m1, "m2": m2})


_WEB = "/spec/template/spec/containers/0"


def _image(rule: str, image: str, **overrider: Any) -> Row:
    overriders = {"imageOverrider": [overrider]}
    return _overridden(rule, overriders, {f"{_WEB}/image": image}, {f"{_WEB}/image": "shop/web:1.0"})


OVERRIDES = [
    _image("a registry is added", "eu.example.com/shop/web:1.0",
           component="Registry", operator="add", value="eu.example.com"),
    _image("a repository is replaced", "other:1.0",
           component="Repository", operator="replace", value="other"),
    _image("a tag is removed", "shop/web", component="Tag", operator="remove"),
    _image("at a path only", "shop/web:2.0", predicate={"path": f"{_WEB}/image"},
           component="Tag", operator="replace", value="2.0"),
    _overridden("command",
                {"commandOverrider": [{"containerName": "web", "operator": "add", "value": ["-x"]}]},
                {f"{_WEB}/command": ["web", "-v", "-x"]}, {f"{_WEB}/command": ["web", "-v"]}),
    _overridden("args", {"argsOverrider": [{"containerName": "web", "operator": "remove", "value": ["a"]}]},
                {f"{_WEB}/args": ["b"]}, {f"{_WEB}/args": ["a", "b", "a"]}),
    _overridden("env", {"envOverrider": [{"containerName": "web", "operator": "replace",
                                          "value": [{"name": "TIER", "value": "high"}]}]},
                {f"{_WEB}/env/0/value": "high"}, {f"{_WEB}/env/0/value": "low"}),
    _overridden("labels", {"labelsOverrider": [{"operator": "add", "value": {"tier": "gold"}}]},
                {"/metadata/labels/tier": "gold"}, {"/metadata/labels/tier": None}),
    _overridden("annotations", {"annotationsOverrider": [{"operator": "add", "value": {"team": "a"}}]},
                {"/metadata/annotations/team": "a"}, {"/metadata/annotations/team": None}),
    _overridden("merge", {"merge": {"spec": {"minReadySeconds": 7}}},
                {"/spec/minReadySeconds": 7}, {"/spec/minReadySeconds": None}),
    _overridden("plaintext",
                {"plaintext": [{"path": "/spec/minReadySeconds", "operator": "add", "value": 9}]},
                {"/spec/minReadySeconds": 9}, {"/spec/minReadySeconds": None}),
    Row(
        "the last writer wins: by name after all",
        [
            policy("web", "", A_DEPLOYMENT, placement=_affinity(clusterNames=["m1"])),
            _override("a-all", _rule({"labelsOverrider": [{"operator": "add", "value": {"t": "all"}}]})),
            _override("a-named", _rule({"labelsOverrider": [{"operator": "add", "value": {"t": "named"}}]}))
            | {"spec": {
                "resourceSelectors": [selects("apps/v1", "Deployment", name="web")],
                "overrideRules": [_rule({"labelsOverrider": [{"operator": "add", "value": {"t": "named"}}]})],
            }},
        ],
        {"m1": 1},
        has={"m1": {"/metadata/labels/t": "named"}},
    ),
    Row(
        "a string that holds JSON",
        [
            policy("settings", "", A_CONFIGMAP, placement=_affinity(clusterNames=["m1", "m2"])),
            _override("tier", _rule({"fieldOverrider": [{
                "fieldPath": "/data/app.json",
                "json": [{"subPath": "/tier", "operator": "replace", "value": "gold"}],
            }]}, "m1")),
        ],
        {"m1": None, "m2": None},
        configmap("settings", "", **{"app.json": '{"tier": "low"}'}),
        CONFIGMAPS,
        has={"m1": {"/data/app.json": '{"tier":"gold"}'}, "m2": {"/data/app.json": '{"tier": "low"}'}},
    ),
]  # fmt: skip


def _ranked(name: str, cluster: str, selector: Manifest, **spec: Any) -> Manifest:
    return policy(name, "", selector, placement=_affinity(clusterNames=[cluster]), **spec)


_BY_NAME = selects("apps/v1", "Deployment", name="web")
_BY_LABEL = selects("apps/v1", "Deployment", labelSelector={"matchLabels": {"app": "web"}})

GOVERNANCE = [
    Row("higher priority", [_ranked("a", "m1", A_DEPLOYMENT), _ranked("b", "m2", A_DEPLOYMENT, priority=1)],
        {"m2": 1}),
    Row("by name before by label", [_ranked("a", "m1", _BY_LABEL), _ranked("b", "m2", _BY_NAME)], {"m2": 1}),
    Row("by label before the whole kind", [_ranked("a", "m1", A_DEPLOYMENT), _ranked("b", "m2", _BY_LABEL)],
        {"m2": 1}),
    Row("the first name", [_ranked("b", "m1", A_DEPLOYMENT), _ranked("a", "m2", A_DEPLOYMENT)], {"m2": 1}),
    Row("labels don't count where a name is given",
        [_ranked("a", "m1", _BY_NAME | {"labelSelector": {"matchLabels": {"app": "none"}}})], {"m1": 1}),
]  # fmt: skip


def _job(**spec: Any) -> Manifest:
    pod = {"restartPolicy": "Never", "containers": [{"name": "sum", "image": "shop/sum:1"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "sum"},
        "spec": {**spec, "suspend": True, "template": {"spec": pod}},
    }


def _cron_job() -> Manifest:
    spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": _job()["spec"]}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "sum"}, "spec": spec}


KINDS = [
    Row("a Job's completions are divided by its parallelism",
        [policy("sum", "", selects("batch/v1", "Job"),
                placement={"replicaScheduling": _weighs(("m1", 2), ("m2", 1))})],
        {"m1": 2, "m2": 1}, _job(parallelism=3, completions=6), JOBS,
        has={"m1": {"/spec/completions": 4}, "m2": {"/spec/completions": 2}}),
    Row("images of a CronJob are overridden", [
            policy("sum", "", selects("batch/v1", "CronJob"), placement=_affinity(clusterNames=["m1"])),
            _override("tag", _rule({"imageOverrider": [
                {"component": "Tag", "operator": "replace", "value": "2"}]})),
        ], {"m1": None}, _cron_job(), CRON_JOBS,
        has={"m1": {"/spec/jobTemplate/spec/template/spec/containers/0/image": "shop/sum:2"}}),
    Row("kinds without replicas: every selected cluster",
        [policy("settings", "", A_CONFIGMAP, placement={"replicaScheduling": {}})],
        {"m1": None, "m2": None, "m3": None}, configmap("settings", "", a="1"), CONFIGMAPS),
]  # fmt: skip

TABLE = {
    "governance": GOVERNANCE,
    "placement": PLACEMENT,
    "division": DIVISION,
    "overrides": OVERRIDES,
    "kinds": KINDS,
}
