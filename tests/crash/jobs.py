"""The scenarios of what runs once: Jobs that end in members, which have no controllers here."""

from __future__ import annotations

from federation.kube.resources import Manifest
from tests.crash.harness import Scenario
from tests.crash.state import Kinds, State
from tests.crash.world import World
from tests.federated import BINDINGS, POLICIES, Resource, condition, policy, selects

JOBS = Resource("batch", "v1", "jobs", "Job")
_KINDS = Kinds((JOBS,), (JOBS, POLICIES, BINDINGS))
_END: Manifest = {
    "startTime": "2026-01-01T00:00:00Z",
    "completionTime": "2026-01-01T00:01:00Z",
    "succeeded": 1,
    "conditions": [{"type": each, "status": "True"} for each in ("SuccessCriteriaMet", "Complete")],
}


def _job(namespace: str) -> Manifest:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "a:1"}]}
    metadata = {"name": "once", "namespace": namespace}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": {"spec": pod}},
    }


async def _run(world: World, namespace: str) -> None:
    await world.host.apply(POLICIES, policy("all", namespace, selects("batch/v1", "Job")))
    await world.host.apply(JOBS, _job(namespace))


async def _run_to_the_end(world: World, namespace: str) -> None:
    await _run(world, namespace)
    for member in world.members:
        await _end(world, namespace, member)
    await world.host.until(JOBS, "once", namespace, lambda j: j and condition(j, "Complete") == "True")


async def _end(world: World, namespace: str, member: str) -> None:
    await world.members[member].until(JOBS, "once", namespace, bool)
    api, body = world.members[member].api, {"status": _END}
    await api.patch(JOBS, "once", namespace, body, subresource="status", manager="controller")


async def _end_and_go(world: World, namespace: str) -> None:
    """As with `ttlSecondsAfterFinished: 0`."""
    await _end(world, namespace, "m1")
    await world.members["m1"].delete(JOBS, "once", namespace)


async def _recreate(world: World, namespace: str) -> None:
    await world.host.delete(JOBS, "once", namespace)
    await world.host.apply(JOBS, _job(namespace))


def _expect_gone(state: State) -> None:
    assert "jobs/once" not in state["m1"]
    assert "jobs/once" in state["m2"]
    assert _results(state)[0]["reason"] in ("Finished", "GoneUnseen")


def _expect_anew(state: State) -> None:
    for cluster in ("host", "m1", "m2"):
        assert "conditions" not in state[cluster]["jobs/once"]["status"]
    assert {each["applied"] for each in _results(state)} == {True}


def _results(state: State) -> list[Manifest]:
    results: list[Manifest] = state["host"]["resourcebindings/once.jobs.batch"]["status"]["clusters"]
    return results


SCENARIOS = (
    Scenario("a Job ends in m1 and goes", _run, _end_and_go, _expect_gone, alike=False, kinds=_KINDS),
    Scenario(
        "a Job that has ended is deleted and made anew at once",
        _run_to_the_end,
        _recreate,
        _expect_anew,
        passing=frozenset({("m1", "jobs/once"), ("m2", "jobs/once")}),
        kinds=_KINDS,
    ),
)
