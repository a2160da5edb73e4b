"""A kind as a ResourceInterpreter describes it: what is read of an object, summed up and judged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import jsonpath, workloads
from policies.api.interpreter import ResourceInterpreter
from policies.api.meta import API_VERSION, Manifest
from policies.api.propagation import Placement
from policies.dependencies import Dependency, dependencies
from policies.interpreting import in_force, interpretations, unreadable, untold
from policies.jsonpath import BadPath, Mismatch, parse
from policies.placement import Workload
from policies.podneeds import need_of_template
from policies.rendering import Rendered, prune, render
from policies.workloads import Copy
from policies.workloads.interpretation import Interpretation, interpretation, pod_spec_at
from tests.policies.examples import divided, targets

NOW = "2026-01-01T00:00:00Z"
KIND = ("example.com", "Database")
READY = {"path": ".status.ready", "operator": "GreaterThanOrEqual", "valuePath": ".spec.size"}
FAILED = {"path": ".status.phase", "operator": "Equal", "value": "Failed"}


def interpreter(name: str = "databases", created: str = NOW, **spec: Any) -> ResourceInterpreter:
    target = {"apiVersion": "example.com/v1", "kind": "Database"}
    return ResourceInterpreter.model_validate(
        {
            "apiVersion": API_VERSION,
            "kind": "ResourceInterpreter",
            "metadata": {"name": name, "creationTimestamp": created},
            "spec": {"target": target, **spec},
        }
    )


def read_by(**spec: Any) -> Interpretation:
    return interpretation(interpreter(**spec).spec)


def judging(*healthy: Manifest, unhealthy: tuple[Manifest, ...] = (), **spec: Any) -> Interpretation:
    return read_by(health={"healthy": list(healthy), "unhealthy": list(unhealthy)}, **spec)


def database(status: Manifest | None = None, *, generation: int = 1, **spec: Any) -> Manifest:
    metadata = {"name": "orders", "namespace": "shop", "generation": generation}
    live = {"apiVersion": "example.com/v1", "kind": "Database", "metadata": metadata, "spec": spec}
    return live if status is None else live | {"status": status}


# Paths


@pytest.mark.parametrize(
    ("path", "found"),
    {
        ".spec.size": 3,
        "['spec']['size']": 3,
        ".spec.nothing.below": None,
        ".metadata.labels['example.com/tier']": "gold",
        '.status.conditions[?(@.type=="Ready")].status': "True",
        ".status.conditions[?(@.type=='Gone')].status": None,
    }.items(),
)
def test_a_path_leads_to_a_value(path: str, found: object) -> None:
    manifest = {
        "metadata": {"labels": {"example.com/tier": "gold"}},
        "spec": {"size": 3, "nothing": None},
        "status": {"conditions": ["odd", {"type": "Live"}, {"type": "Ready", "status": "True"}]},
    }
    assert jsonpath.find(manifest, parse(path)) == found


@pytest.mark.parametrize(
    "text", ["", "spec.size", ".", ".spec..size", ".spec[0]", ".spec.size ", "$.spec", "[?(@.a=='b')]"]
)
def test_other_texts_are_no_paths(text: str) -> None:
    with pytest.raises(BadPath, match=r"is no JSON path; write one as \.spec\.replicas"):
        parse(text)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".spec.size.below", ".spec.size is a number, not an object"),
        ('.spec[?(@.a=="b")]', ".spec is an object, not a list"),
        (".spec.list.below", ".spec.list is a list, not an object"),
    ],
)
def test_a_path_through_another_type_is_a_mismatch(path: str, why: str) -> None:
    with pytest.raises(Mismatch) as raised:
        jsonpath.find({"spec": {"size": 3, "list": []}}, parse(path))
    assert str(raised.value) == why


KEYS = st.lists(st.sampled_from(["a", "b", "x.y/z"]), min_size=1, max_size=3).map(tuple)


@given(
    KEYS, st.recursive(st.integers(), lambda each: st.dictionaries(st.sampled_from("ab"), each), max_leaves=5)
)
def test_what_is_put_is_found_and_nothing_else_is_touched(keys: tuple[str, ...], below: Any) -> None:
    before = {"a": below, "other": 1}
    after = jsonpath.put(before, keys, 7)
    assert jsonpath.find(after, parse(str(jsonpath.Path(keys)))) == 7
    assert (before, after["other"]) == ({"a": below, "other": 1}, 1)
    assert jsonpath.find(jsonpath.without(after, keys), jsonpath.Path(keys)) is None


# Replicas


def test_replicas_are_read_and_written_where_the_interpreter_says() -> None:
    taught = read_by(specReplicasPath=".spec.size")
    assert taught.replicas(database(size=3)) == 3
    assert taught.with_replicas(database(size=3, other=1), 2)["spec"] == {"size": 2, "other": 1}
    assert taught.replicas(taught.project(database(size=3))) == 3


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({}, ""),
        ({"size": None}, ""),
        ({"size": "3"}, ".spec.size is text, not a whole number"),
        ({"size": True}, ".spec.size is true or false, not a whole number"),
        ({"size": 1.5}, ".spec.size is a fraction, not a whole number"),
    ],
)
def test_a_number_that_is_none_is_no_crash(spec: Manifest, problem: str) -> None:
    taught = read_by(specReplicasPath=".spec.size")
    assert (taught.replicas(database(**spec)), taught.problem(database(**spec))) == (None, problem)
    assert taught.project(database(**spec))["problem"] == problem


def test_a_manifest_is_rendered_with_a_clusters_share() -> None:
    taught, pruned = read_by(specReplicasPath=".spec.size"), prune(database(size=5, other=1))

    def spec(**options: Any) -> Manifest:
        rendered = render(pruned, workload=taught, **options)
        assert isinstance(rendered, Rendered)
        return rendered.manifest["spec"]

    assert spec(replicas=2) == {"size": 2, "other": 1}
    assert spec(scaled_there=True) == {"other": 1}


# Health


@pytest.mark.parametrize(
    ("status", "health"),
    [
        (None, "Unknown"),
        ({}, "Unknown"),
        ({"phase": "Running"}, "Progressing"),
        ({"ready": 2}, "Progressing"),
        ({"ready": 3}, "Healthy"),
        ({"ready": 3, "phase": "Failed"}, "Unhealthy"),
        ({"ready": 3, "observedGeneration": 0}, "Progressing"),
        ({"ready": "three"}, "Unknown"),
    ],
)
def test_health_is_what_the_conditions_say(status: Manifest | None, health: str) -> None:
    taught = judging(READY, unhealthy=(FAILED,))
    assert taught.health(taught.project(database(status, size=3))) == health


@pytest.mark.parametrize(
    ("status", "health"),
    [({"conditions": [{"type": "Ready", "status": "False"}]}, "Unhealthy"), (None, "Healthy")],
)
def test_without_conditions_health_goes_by_convention(status: Manifest | None, health: str) -> None:
    taught = read_by(specReplicasPath=".spec.size")
    assert taught.health(taught.project(database(status))) == health


def test_a_copy_is_healthy_unless_unhealthy_where_only_that_is_said() -> None:
    taught = judging(unhealthy=(FAILED,))
    assert taught.health(taught.project(database({"phase": "Odd"}))) == "Healthy"


@pytest.mark.parametrize(
    ("value", "operator", "other", "holds"),
    [
        ("a", "Equal", "a", True),
        ("a", "NotEqual", "a", False),
        (None, "Equal", "a", False),
        (None, "NotEqual", "a", True),
        (None, "Equal", 0, True),
        (0, "Equal", 0.0, True),
        ("0", "Equal", 0, False),
        (True, "Equal", True, True),
        (1, "Equal", True, False),
        (None, "Equal", True, False),
        (0, "Exists", None, True),
        (None, "Exists", None, False),
        (None, "DoesNotExist", None, True),
        (None, "LessThan", 1, True),
        (1, "LessThan", 1, False),
        (1, "LessThanOrEqual", 1, True),
        (2, "GreaterThan", 1.5, True),
        (1, "GreaterThanOrEqual", 2, False),
    ],
)
def test_operators(value: object, operator: str, other: object, holds: bool) -> None:
    status = {"observedGeneration": 1, "value": value}
    taught = judging({"path": ".status.value", "operator": operator, "value": other})
    assert (taught.health(taught.project(database(status))) == "Healthy") is holds


def test_a_value_that_can_not_be_compared_is_told_without_showing_it() -> None:
    taught = judging(READY)
    projected = taught.project(database({"ready": ["secret"]}, size=3))
    assert projected["problem"] == ".status.ready is a list, not one value"
    projected = taught.project(database({"ready": 1}, size="secret"))
    assert projected["problem"] == ".status.ready is compared with text, not a number"


# Status


def copies(taught: Interpretation, *statuses: Manifest, **options: Any) -> dict[str, Copy]:
    lives = [taught.project(database(status, size=1)) for status in statuses]
    return {
        f"m{n}": Copy(live, **{"current": True, "reachable": True, **options}) for n, live in enumerate(lives)
    }


SUMS = [".status.size", ".status.pods.ready"]


def test_the_numbers_of_the_copies_are_summed() -> None:
    taught = read_by(statusSums=SUMS)
    present = copies(taught, {"size": 3, "pods": {"ready": 1}}, {"size": 2}, {"phase": "Starting"})
    previous = {"phase": "kept", "pods": {"other": 1}}
    assert taught.roll_up(present, generation=4, previous=previous, now=NOW) == {
        "phase": "kept",
        "size": 5,
        "pods": {"other": 1, "ready": 1},
    }


def test_a_status_that_is_summed_is_not_in_the_binding_and_another_is() -> None:
    assert read_by(statusSums=SUMS).project(database({"size": 1}))["status"] == {}
    assert read_by(specReplicasPath=".spec.size").project(database({"size": 1}))["status"] == {"size": 1}


def test_a_copy_says_how_many_are_ready() -> None:
    taught = read_by(readyReplicasPath=".status.ready")
    ready = [
        taught.ready(taught.project(database(status))) for status in (None, {"phase": "a"}, {"ready": 2})
    ]
    assert ready == [None, 0, 2]


@pytest.mark.parametrize(
    ("observed", "current", "generation"), [(1, True, 4), (0, True, None), (1, False, None)]
)
def test_the_generation_moves_once_every_copy_has_seen_the_present_one(
    observed: int, current: bool, generation: int | None
) -> None:
    taught = read_by(statusSums=SUMS)
    present = copies(taught, {"size": 1, "observedGeneration": observed}, current=current)
    summed = taught.roll_up(present, generation=4, previous={}, now=NOW)
    assert summed is not None
    assert summed.get("observedGeneration") == generation


@pytest.mark.parametrize(
    "lives",
    [
        pytest.param([{}], id="nothing was reported"),
        pytest.param([{"size": 1}, {"size": "two"}], id="one can't be read"),
    ],
)
def test_the_status_stays_while_a_sum_can_not_be_told(lives: list[Manifest]) -> None:
    taught = read_by(statusSums=SUMS)
    assert taught.roll_up(copies(taught, *lives), generation=1, previous={}, now=NOW) is None


def test_the_status_stays_while_copies_are_read_as_before() -> None:
    before, after = read_by(statusSums=[".status.size"]), read_by(statusSums=SUMS)
    seen = copies(before, {"size": 1}) | {
        "m9": Copy(workloads.of(*KIND).project(database({"size": 1})), True, True)
    }
    for name in seen:
        assert after.roll_up({name: seen[name]}, generation=1, previous={"size": 9}, now=NOW) is None


def test_sums_return_to_zero_with_the_last_copy() -> None:
    taught = read_by(statusSums=[".status.size"])
    assert taught.roll_up({}, generation=1, previous={"size": 3}, now=NOW) == {"size": 0}
    assert taught.roll_up({}, generation=1, previous={}, now=NOW) is None


# Pods


def test_what_the_pods_of_a_taught_kind_ask_for_is_read() -> None:
    pods = {"spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": "2"}}}]}}
    taught = read_by(podTemplatePath=".spec.server.template")
    live = database(server={"template": pods})
    need = need_of_template(live, taught.pod_spec_at)
    assert need is not None
    assert dict(need.requests) == {"cpu": 2000, "pods": 1}
    assert need_of_template(database(), taught.pod_spec_at) is None
    assert need_of_template(live, read_by().pod_spec_at) is None


def test_what_the_pods_of_a_taught_kind_name_goes_along() -> None:
    env = [{"configMapRef": {"name": "settings"}}]
    live = database(template={"spec": {"containers": [{"name": "a", "envFrom": env}]}})
    taught = read_by(podTemplatePath=".spec.template")
    assert dependencies(live, pod_spec_at(taught)) == (Dependency("ConfigMap", "settings"),)
    assert dependencies(live, pod_spec_at(workloads.of(*KIND))) == ()


# Which one counts


def test_the_oldest_counts_then_the_first_by_name() -> None:
    old, young = interpreter("z", "2026-01-01T00:00:00Z"), interpreter("a", "2026-01-02T00:00:00Z")
    twin, file = interpreter("b", "2026-01-01T00:00:00Z"), interpreter("0", "")
    assert in_force([young, old])[KIND] == old
    assert in_force([old, twin, young])[KIND] == twin
    assert in_force([file, young])[KIND] == young


def test_one_that_is_being_deleted_does_not_count() -> None:
    leaving = interpreter("a").model_copy(
        update={"metadata": interpreter("a").metadata.model_copy(update={"deletion_timestamp": NOW})}
    )
    assert in_force([leaving]) == {}


def test_what_atoll_knows_by_itself_nobody_teaches() -> None:
    deployments = interpreter(specReplicasPath=".spec.size").model_copy(
        update={"spec": interpreter(target={"apiVersion": "apps/v1", "kind": "Deployment"}).spec}
    )
    known = interpretations(in_force([deployments, interpreter()]))
    assert workloads.of("apps", "Deployment", known) is workloads.of("apps", "Deployment")
    assert workloads.of(*KIND, known) == read_by()


def test_two_interpreters_that_say_the_same_read_alike() -> None:
    said = {"specReplicasPath": ".spec.size", "statusSums": SUMS, "health": {"healthy": [READY]}}
    assert read_by(**said) == read_by(name="another", **said)
    assert hash(read_by(**said)) == hash(read_by(**said))


# Replicas that nothing tells


DATABASE = Workload("example.com/v1", "Database", None, "")


def test_what_is_divided_stays_when_nothing_tells_its_replicas_any_more() -> None:
    verdict = untold(DATABASE, divided(), targets(m1=3, m2=2))
    assert verdict is not None
    assert verdict.reason == "ReplicasUnknown"


@pytest.mark.parametrize(
    ("workload", "placement", "on"),
    [
        pytest.param(DATABASE, divided(), targets(), id="not placed yet: every cluster gets it whole"),
        pytest.param(DATABASE, divided(), targets(m1=None), id="it never had replicas"),
        pytest.param(DATABASE, Placement(), targets(m1=3), id="not divided: every cluster has all of them"),
        pytest.param(DATABASE._replace(replicas=3), divided(), targets(m1=3), id="they are known"),
    ],
)
def test_other_templates_are_placed(workload: Workload, placement: Placement, on: Any) -> None:
    assert untold(workload, placement, on) is None


def test_replicas_that_can_not_be_read_are_not_divided_in_the_first_place() -> None:
    verdict = untold(DATABASE._replace(problem=".spec.size is text, not a whole number"), divided(), ())
    assert verdict is not None
    assert verdict.message.startswith(".spec.size is text, not a whole number; correct it")


def test_three_objects_that_can_not_be_read_are_named() -> None:
    said = unreadable({("", "a"): "why", ("m1", "b"): "why", ("m1", "c"): "why", ("m2", "d"): "why"})
    assert said.message == (
        "a: why; b in cluster m1: why; c in cluster m1: why (and 1 more); "
        "correct the path in the interpreter, or the objects"
    )
