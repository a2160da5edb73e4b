"""What an interpreter must not say: each mistake with its field and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from kinds import manifest

from policies.api.meta import Manifest
from policies.validation import Verdict, validate

EXAMPLE = Path(__file__).parents[2] / "examples" / "interpreters" / "interpreter.yaml"
DATABASE = {"apiVersion": "example.com/v1", "kind": "Database"}


def judged(**spec: Any) -> Verdict:
    return validate(manifest("ResourceInterpreter", {"target": DATABASE, **spec}))


def when(**condition: Any) -> Manifest:
    return {"health": {"healthy": [{"path": ".status.a", "operator": "Equal", **condition}]}}


HEALTHY = "spec.health.healthy[0]"
DENIED = {
    "a kind of Kubernetes": (
        {"target": {"apiVersion": "apps/v1", "kind": "Deployment"}},
        "spec.target: Atoll knows Deployment of apps/v1 by itself, and takes nobody else's word for it; "
        "delete this interpreter",
    ),
    "a kind with pods": (
        {"target": {"apiVersion": "batch/v1", "kind": "CronJob"}},
        "spec.target: Atoll knows CronJob of batch/v1 by itself, and takes nobody else's word for it; "
        "delete this interpreter",
    ),
    "a kind that stays": (
        {"target": {"apiVersion": "v1", "kind": "Node"}},
        "spec.target: Node is never propagated: ",
    ),
    "a kind of ours": (
        {"target": {"apiVersion": "federation.atoll.dev/v1alpha1", "kind": "Cluster"}},
        "spec.target: Cluster is never propagated: Cluster is a kind of Atoll's own; delete this interpreter",
    ),
    "no path": (
        {"readyReplicasPath": "status.ready"},
        "spec.readyReplicasPath: 'status.ready' is no JSON path; write one as .spec.replicas, ",
    ),
    "replicas in a list": (
        {"specReplicasPath": ".spec.pools[?(@.name=='a')].size"},
        "spec.specReplicasPath: .spec.pools[?(@.name=='a')].size goes through a list; "
        "name a field that is in none",
    ),
    "replicas in the status": (
        {"specReplicasPath": ".status.size"},
        "spec.specReplicasPath: .status.size is not below .spec; begin it with .spec.",
    ),
    "the whole spec": (
        {"podTemplatePath": ".spec"},
        "spec.podTemplatePath: .spec is not below .spec; begin it with .spec.",
    ),
    "a sum of the spec": (
        {"statusSums": [".spec.size"]},
        "spec.statusSums[0]: .spec.size is not below .status; begin it with .status.",
    ),
    "an empty sum": ({"statusSums": [""]}, "spec.statusSums[0]: it is empty; "),
    "a sum twice": (
        {"statusSums": [".status.a", ".status.a"]},
        "spec.statusSums[1]: .status.a is in the list twice; remove one of the two",
    ),
    "a sum of generations": (
        {"statusSums": [".status.observedGeneration"]},
        "spec.statusSums[0]: generations are not summed; remove it: Atoll writes it by itself",
    ),
    "a condition of no path": (when(path="a", value=1), f"{HEALTHY}.path: 'a' is no JSON path; "),
    "a value of no path": (when(valuePath="a"), f"{HEALTHY}.valuePath: 'a' is no JSON path; "),
    "no value": (
        when(),
        f"{HEALTHY}.value: operator Equal needs either value or valuePath; set exactly one of them",
    ),
    "two values": (
        when(value=1, valuePath=".spec.a"),
        f"{HEALTHY}.value: operator Equal needs either value or valuePath; set exactly one of them",
    ),
    "a value too many": (
        when(operator="Exists", value=1),
        f"{HEALTHY}.operator: Exists takes no value; remove value and valuePath, or use Equal",
    ),
    "a list": (
        when(value=[1]),
        f"{HEALTHY}.value: it is an object or a list; write a text, a number, true or false",
    ),
    "text that is greater": (
        when(operator="GreaterThan", value="1"),
        f"{HEALTHY}.value: operator GreaterThan compares numbers; write a number without quotes",
    ),
}


@pytest.mark.parametrize(("spec", "told"), DENIED.values(), ids=DENIED)
def test_a_mistake_is_denied(spec: Manifest, told: str) -> None:
    denials, _ = judged(**spec)
    assert [str(denial)[: len(told)] for denial in denials] == [told]


def test_one_that_says_nothing_is_warned_of() -> None:
    denials, warnings = judged()
    assert denials == ()
    assert [warning.field for warning in warnings] == ["spec"]


@pytest.mark.parametrize("value", ["a", 1, 0, 1.5, True, False, ""])
def test_any_single_value_can_be_compared_with(value: object) -> None:
    assert judged(**when(value=value)) == ((), ())


def test_the_example_is_valid() -> None:
    assert validate(yaml.safe_load(EXAMPLE.read_text())) == ((), ())
