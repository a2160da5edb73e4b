"""A kind that Atoll is taught by a ResourceInterpreter, over real API servers. The kind is the example's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from federation.kube.errors import ApiError
from federation.members.autoscalers import AUTOSCALERS
from federation.resources import RESOURCE_INTERPRETER
from tests.federated import (
    BINDINGS,
    CONFIGMAPS,
    CRDS,
    POLICIES,
    Federated,
    Manifest,
    Resource,
    absent,
    autoscaler,
    condition,
    configmap,
    eventually,
    policy,
    reason,
    selects,
)

EXAMPLES = Path(__file__).parents[2] / "examples" / "interpreters"


class Taught:
    """The objects of the example in a group of the test's own, and what the members have of them."""

    def __init__(self, running: Federated, namespace: str) -> None:
        self.running, self.namespace, self.host = running, namespace, running.host
        self.group = f"{namespace}.example"
        self.resource = Resource(self.group, "v1", "databases", "Database")
        self.binding = f"orders.databases.{self.group}"

    def example(self, name: str) -> list[Manifest]:
        text = (EXAMPLES / f"{name}.yaml").read_text()
        return [*yaml.safe_load_all(text.replace("example.com", self.group))]

    def interpreter(self, name: str = "", **spec: Any) -> Manifest:
        """The interpreter of the example, with other fields where given."""
        (manifest,) = self.example("interpreter")
        manifest["metadata"]["name"] = name or self.namespace
        manifest["spec"] |= spec
        return manifest

    async def define(self) -> None:
        """Have all clusters serve the kind."""
        (definition,) = self.example("definition")
        clusters = (self.host, *self.running.members.values())
        for cluster in clusters:
            await cluster.apply(CRDS, definition)

        async def served() -> bool:
            try:
                for cluster in clusters:
                    await cluster.api.latest(self.resource)
            except ApiError:  # it may not know the kind, or not be ready to list it
                return False
            return True

        await eventually(served, lambda: f"{self.group} is not served")

    async def place(self, **spec: Any) -> None:
        """Apply the Database and the policy of the example; `spec` goes into the former."""
        database, divided = self.example("database")
        for manifest in (database, divided):
            manifest["metadata"]["namespace"] = self.namespace
        database["spec"] |= spec
        await self.host.apply(POLICIES, divided)
        await self.host.apply(self.resource, database)

    async def teach(self, name: str = "", **spec: Any) -> Manifest:
        manifest = self.interpreter(name, **spec)
        return await self.host.apply(RESOURCE_INTERPRETER, manifest)

    async def told(self, why: str, name: str = "") -> str:
        """Wait for the reason of an interpreter, and return its message."""
        interpreter = await self.host.until(
            RESOURCE_INTERPRETER,
            name or self.namespace,
            None,
            lambda i: reason(i, "Ready") == why and is_current(i),
        )
        message: str = interpreter["status"]["conditions"][0]["message"]
        return message

    async def instances(self, **wanted: int) -> None:
        """Wait until the members hold so many."""
        for name, count in wanted.items():
            member = self.running.members[name]
            await member.until(
                self.resource, "orders", self.namespace, lambda d, n=count: d and d["spec"]["instances"] == n
            )

    async def versions(self) -> list[str]:
        copies = [
            await member.api.get(self.resource, "orders", self.namespace)
            for member in self.running.members.values()
        ]
        return [copy["metadata"]["resourceVersion"] for copy in copies]

    async def report(self, cluster: str, **status: Any) -> None:
        """Do what the kind's controller does in a member."""
        api = self.running.members[cluster].api
        await api.patch(
            self.resource,
            "orders",
            self.namespace,
            {"status": status},
            subresource="status",
            manager="operator",
        )

    async def until_bound(self, holds: Callable[[Manifest], Any]) -> Manifest:
        return await self.host.until(BINDINGS, self.binding, self.namespace, lambda b: b and holds(b))


def is_current(manifest: Manifest | None) -> bool:
    assert manifest is not None
    observed: int = manifest.get("status", {}).get("observedGeneration", 0)
    return observed == manifest["metadata"]["generation"]


def results(binding: Manifest) -> dict[str, tuple[Any, ...]]:
    """Health, replicas and ready by cluster."""
    clusters = binding.get("status", {}).get("clusters", [])
    return {c["name"]: (c.get("health"), c.get("replicas"), c.get("ready")) for c in clusters}


def reasons(binding: Manifest) -> list[str]:
    return [each.get("reason", "") for each in binding.get("status", {}).get("clusters", [])]


def statuses(binding: Manifest) -> list[Manifest]:
    """The statuses of copies that are kept on the binding."""
    return [each["status"] for each in binding["status"]["clusters"] if "status" in each]


def holds_where_it_is_placed(binding: Manifest) -> bool:
    return (reason(binding, "Scheduled"), condition(binding, "Applied")) == ("Scheduled", "True")


@pytest.fixture
async def taught(running: Federated, shop: str) -> AsyncIterator[Taught]:
    """All clusters serve the kind of the example; nobody has said what it is."""
    made = Taught(running, shop)
    await made.define()
    yield made
    for name in running.federation.host.interpreters.names() if running.federation else ():
        await running.host.delete(RESOURCE_INTERPRETER, name)


async def test_a_taught_kind_is_divided_summed_up_and_judged(taught: Taught) -> None:
    await taught.teach()
    await taught.place()
    await taught.instances(m1=3, m2=2)
    await taught.told("Valid")
    await taught.report("m1", instances=3, readyInstances=3, observedGeneration=1)
    await taught.report("m2", instances=2, readyInstances=1, phase="Failed", observedGeneration=1)
    await taught.host.until(
        taught.resource,
        "orders",
        taught.namespace,
        lambda d: d and d.get("status") == {"instances": 5, "readyInstances": 4, "observedGeneration": 1},
    )
    binding = await taught.until_bound(lambda b: results(b).get("m2", ("",))[0] == "Unhealthy")
    assert results(binding) == {"m1": ("Healthy", 3, 3), "m2": ("Unhealthy", 2, 1)}
    assert condition(binding, "Healthy") == "False"
    await taught.report("m2", instances=2, readyInstances=2, phase="Running")
    await taught.until_bound(lambda b: condition(b, "Healthy") == "True")


@pytest.mark.soak
async def test_what_is_divided_stays_when_its_interpreter_is_deleted(taught: Taught) -> None:
    await taught.teach()
    await taught.place()
    await taught.instances(m1=3, m2=2)
    await taught.until_bound(lambda b: condition(b, "Applied") == "True")
    before = await taught.versions()
    await taught.host.delete(RESOURCE_INTERPRETER, taught.namespace)
    await taught.until_bound(lambda b: reason(b, "Scheduled") == reason(b, "Applied") == "ReplicasUnknown")
    await taught.teach()
    await taught.until_bound(
        lambda b: (reason(b, "Scheduled"), condition(b, "Applied")) == ("Scheduled", "True")
    )
    assert await taught.versions() == before


@pytest.mark.soak
async def test_an_interpreter_that_comes_late_divides_what_was_in_every_cluster(taught: Taught) -> None:
    await taught.place()
    await taught.instances(m1=5, m2=5)
    await taught.teach()
    await taught.instances(m1=3, m2=2)
    await taught.teach(specReplicasPath=".spec.shards")
    await taught.until_bound(lambda b: reason(b, "Scheduled") == "ReplicasUnknown")
    await taught.instances(m1=3, m2=2)


@pytest.mark.soak
async def test_without_division_the_interpreter_goes_without_a_write(taught: Taught) -> None:
    await taught.teach()
    await taught.place()
    everywhere = policy("databases", taught.namespace, selects(f"{taught.group}/v1", "Database"))
    await taught.host.apply(POLICIES, everywhere)
    await taught.instances(m1=5, m2=5)
    await taught.report("m1", instances=5, readyInstances=2)
    await taught.until_bound(lambda b: results(b).get("m1") == ("Progressing", 5, 2) and statuses(b) == [])
    before = await taught.versions()
    await taught.host.delete(RESOURCE_INTERPRETER, taught.namespace)
    await taught.until_bound(
        lambda b: (
            all("replicas" not in target for target in b["spec"]["clusters"])
            and holds_where_it_is_placed(b)
            and statuses(b) == [{"instances": 5, "readyInstances": 2}]
        )
    )
    assert await taught.versions() == before


@pytest.mark.soak
async def test_an_autoscaler_in_a_member_keeps_its_replicas(taught: Taught) -> None:
    await taught.teach()
    await taught.place()
    await taught.instances(m1=3, m2=2)
    m1 = taught.running.members["m1"]
    scaler = autoscaler("orders", taught.namespace)
    scaler["spec"]["scaleTargetRef"] = {
        "apiVersion": f"{taught.group}/v1",
        "kind": "Database",
        "name": "orders",
    }
    await m1.apply(AUTOSCALERS, scaler)
    await taught.until_bound(lambda b: "ReplicasByAutoscaler" in reasons(b))
    kept = await m1.api.get(taught.resource, "orders", taught.namespace)
    assert kept["spec"]["instances"] == 3
    scaled = {"spec": {"instances": 7}}
    await m1.api.patch(taught.resource, "orders", taught.namespace, scaled, manager="autoscaler")
    await taught.place(size="large")
    await m1.until(
        taught.resource, "orders", taught.namespace, lambda d: d and d["spec"].get("size") == "large"
    )
    await taught.instances(m1=7, m2=2)


@pytest.mark.soak
async def test_what_its_pods_name_goes_along_and_stays_when_the_interpreter_goes(taught: Taught) -> None:
    template = {"spec": {"containers": [{"name": "a", "envFrom": [{"configMapRef": {"name": "settings"}}]}]}}
    await taught.host.apply(CONFIGMAPS, configmap("settings", taught.namespace, a="1"))
    await taught.teach()
    await taught.place(template=template)
    everywhere = selects(f"{taught.group}/v1", "Database")
    along = policy("databases", taught.namespace, everywhere, propagateDeps=True)
    await taught.host.apply(POLICIES, along)
    await taught.running.everywhere(CONFIGMAPS, "settings", taught.namespace, bool)
    await taught.host.delete(RESOURCE_INTERPRETER, taught.namespace)
    await taught.until_bound(lambda b: all("replicas" not in target for target in b["spec"]["clusters"]))
    await taught.teach()
    await taught.until_bound(lambda b: all(target.get("replicas") == 5 for target in b["spec"]["clusters"]))
    for member in taught.running.members.values():
        kept = await member.api.get(CONFIGMAPS, "settings", taught.namespace)
        assert "deletionTimestamp" not in kept["metadata"]
    await taught.host.apply(POLICIES, along | {"spec": along["spec"] | {"propagateDeps": False}})
    await taught.running.everywhere(CONFIGMAPS, "settings", taught.namespace, absent)


@pytest.mark.soak
async def test_room_is_asked_for_by_the_pod_template(taught: Taught) -> None:
    by_room = {"replicaScheduling": {"replicaDivisionPreference": "Aggregated"}}
    databases = selects(f"{taught.group}/v1", "Database")
    await taught.teach()
    await taught.host.apply(POLICIES, policy("databases", taught.namespace, databases, placement=by_room))
    database, _ = taught.example("database")
    database["metadata"]["namespace"] = taught.namespace
    await taught.host.apply(taught.resource, database)
    # the members have no nodes: what a pod needs is known, and there is no room for it
    await taught.until_bound(lambda b: reason(b, "Scheduled") == "Unschedulable")
    await taught.teach(podTemplatePath=".spec.nothing")
    await taught.until_bound(lambda b: reason(b, "Scheduled") == "NoClusterFit")
    await taught.host.delete(POLICIES, "databases", taught.namespace)  # the next test asks for no room


@pytest.mark.soak
async def test_the_older_of_two_interpreters_counts_until_it_goes(taught: Taught) -> None:
    await taught.teach("older")
    await taught.told("Valid", "older")
    await taught.teach("younger", specReplicasPath=".spec.shards")
    said = await taught.told("Conflict", "younger")
    assert said == (
        "ResourceInterpreter older is for Database, too, and older: that one counts; delete one of the two"
    )
    await taught.host.delete(RESOURCE_INTERPRETER, "older")
    await taught.told("Valid", "younger")


@pytest.mark.soak
async def test_what_can_not_be_read_is_named_and_nothing_is_placed(taught: Taught) -> None:
    await taught.teach()
    await taught.place(instances="five")
    said = await taught.told("PathMismatch")
    name = f"databases.{taught.group}/orders in {taught.namespace}"
    assert said.startswith(f"{name}: .spec.instances is text, not a whole number; correct the path")
    binding = await taught.until_bound(lambda b: reason(b, "Scheduled") == "ReplicasUnknown")
    assert binding["spec"].get("clusters", []) == []
    await taught.place()
    await taught.told("Valid")
    await taught.instances(m1=3, m2=2)
    await taught.report("m1", readyInstances="all")
    said = await taught.told("PathMismatch")
    assert said.startswith(f"{name} in cluster m1: .status.readyInstances is text")
