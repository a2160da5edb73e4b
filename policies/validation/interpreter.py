"""Validation of ResourceInterpreters: paths that lead somewhere, and kinds that may be taught."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies import jsonpath, workloads
from policies.api.interpreter import HealthCondition, ResourceInterpreter, ResourceInterpreterSpec
from policies.interpreting import target_of
from policies.matching import never_propagated
from policies.validation.findings import Advice, Denial, Finding
from policies.workloads.comparison import ORDERED, UNARY


def check(interpreter: ResourceInterpreter) -> Iterator[Finding]:
    """Check one interpreter."""
    spec = interpreter.spec
    yield from _target(interpreter)
    yield from _written("spec.specReplicasPath", spec.spec_replicas_path, ".spec")
    if spec.ready_replicas_path:
        yield from _path("spec.readyReplicasPath", spec.ready_replicas_path)
    yield from _sums(spec.status_sums)
    yield from _written("spec.podTemplatePath", spec.pod_template_path, ".spec")
    if spec.health is not None:
        for name, conditions in (("unhealthy", spec.health.unhealthy), ("healthy", spec.health.healthy)):
            for i, condition in enumerate(conditions):
                yield from _condition(f"spec.health.{name}[{i}]", condition)
    if _says_nothing(spec):
        yield Advice(
            "spec",
            f"nothing is said of {spec.target.kind}, which is propagated as without it",
            "set specReplicasPath, statusSums or health",
        )


def _target(interpreter: ResourceInterpreter) -> Iterator[Finding]:
    group, kind = target_of(interpreter)
    api_version = interpreter.spec.target.api_version
    if not workloads.is_whole(group, kind):
        yield Denial(
            "spec.target",
            f"Atoll knows {kind} of {api_version} by itself, and takes nobody else's word for it",
            "delete this interpreter",
        )
    elif why := never_propagated({"apiVersion": api_version, "kind": kind, "metadata": {"name": ""}}):
        yield Denial("spec.target", f"{kind} is never propagated: {why}", "delete this interpreter")


def _path(field: str, text: str) -> Iterator[Denial]:
    try:
        jsonpath.parse(text)
    except jsonpath.BadPath as error:
        message, _, remedy = str(error).partition("; ")
        yield Denial(field, message, remedy)


def _written(field: str, text: str, below: str) -> Iterator[Denial]:
    """Check a path, if it is set, to a field that Atoll writes, or finds by its keys."""
    if not text:
        return
    yield from (denials := list(_path(field, text)))
    if denials:
        return
    keys = jsonpath.parse(text).keys
    if keys is None:
        yield Denial(field, f"{text} goes through a list", "name a field that is in none")
    elif f".{keys[0]}" != below or len(keys) < 2:
        yield Denial(field, f"{text} is not below {below}", f"begin it with {below}.")


def _sums(paths: Sequence[str]) -> Iterator[Denial]:
    for i, text in enumerate(paths):
        field = f"spec.statusSums[{i}]"
        if not text:
            yield Denial(field, "it is empty", "write a path such as .status.readyReplicas, or remove it")
        yield from _written(field, text, ".status")
        if text in paths[:i]:
            yield Denial(field, f"{text} is in the list twice", "remove one of the two")
        if text == ".status.observedGeneration":
            yield Denial(field, "generations are not summed", "remove it: Atoll writes it by itself")


def _condition(field: str, condition: HealthCondition) -> Iterator[Denial]:
    yield from _path(f"{field}.path", condition.path)
    if condition.value_path:
        yield from _path(f"{field}.valuePath", condition.value_path)
    given = (condition.value is not None) + bool(condition.value_path)
    operator = condition.operator
    if operator in UNARY and given:
        yield Denial(
            f"{field}.operator", f"{operator} takes no value", "remove value and valuePath, or use Equal"
        )
    elif operator not in UNARY and given != 1:
        yield Denial(
            f"{field}.value",
            f"operator {operator} needs either value or valuePath",
            "set exactly one of them",
        )
    elif isinstance(condition.value, dict | list):
        yield Denial(f"{field}.value", "it is an object or a list", "write a text, a number, true or false")
    elif operator in ORDERED and isinstance(condition.value, str | bool):
        yield Denial(
            f"{field}.value", f"operator {operator} compares numbers", "write a number without quotes"
        )


def _says_nothing(spec: ResourceInterpreterSpec) -> bool:
    said = (
        spec.spec_replicas_path,
        spec.ready_replicas_path,
        spec.status_sums,
        spec.health,
        spec.pod_template_path,
    )
    return not any(said)
