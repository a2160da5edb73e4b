"""An application that runs in one member comes under the federation, and leaves it, on the same pods."""

from __future__ import annotations

import json

import pytest
import yaml

from e2e.fleet import Fleet, applied
from policies.copies import HOST_LABEL
from tests.federated import (
    A_CONFIGMAP,
    A_DEPLOYMENT,
    BINDINGS,
    DEPLOYMENTS,
    NAMESPACES,
    POLICIES,
    SERVICES,
    absent,
    configmap,
    deployment,
    policy,
    selects,
)

pytestmark = [pytest.mark.timeout(300), pytest.mark.soak]

MEMBER = "m2"


@pytest.fixture
async def application(fleet: Fleet, namespace: str) -> str:
    """A Deployment with a Service and a ConfigMap, which kubectl applied to a member; returns it as YAML."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    await fleet.members[MEMBER].apply(NAMESPACES, space)
    made = [deployment("web", namespace), service, configmap("web", namespace, color="green")]
    files = yaml.safe_dump_all(made)
    await fleet.kubectl(MEMBER, "apply", "-f", "-", stdin=files)
    await fleet.kubectl(MEMBER, "-n", namespace, "rollout", "status", "deployment/web", "--timeout=60s")
    return files


async def test_what_runs_comes_and_goes_on_the_same_pods(
    fleet: Fleet, namespace: str, application: str
) -> None:
    before = await _pods(fleet, namespace)
    service = await fleet.members[MEMBER].api.get(SERVICES, "web", namespace)
    await fleet.host.apply(POLICIES, _policy(namespace))

    said = await fleet.atoll("adopt", "deploy/web", "svc/web", "cm/web", "--from", MEMBER, "-n", namespace)
    assert said.splitlines()[-3:] == [
        "deployment.apps/web adopted",
        "service/web adopted",
        "configmap/web adopted",
    ]
    await fleet.binding(DEPLOYMENTS, "web", namespace, applied)
    assert await _pods(fleet, namespace) == before
    adopted = await fleet.members[MEMBER].api.get(SERVICES, "web", namespace)
    assert (adopted["metadata"]["uid"], adopted["spec"]) == (service["metadata"]["uid"], service["spec"])
    assert "unchanged" in await fleet.kubectl("host", "apply", "-f", "-", stdin=application)

    await _changed_on_the_host(fleet, namespace, application)
    running = await _pods(fleet, namespace)
    await _let_go(fleet, namespace)
    assert await _pods(fleet, namespace) == running


async def _changed_on_the_host(fleet: Fleet, namespace: str, application: str) -> None:
    """The files that were applied to the member are applied to the host from now on."""
    await fleet.kubectl("host", "apply", "-f", "-", stdin=application.replace("nginx:1.27", "nginx:1.28"))
    await fleet.kubectl("host", "-n", namespace, "rollout", "status", "deployment/web", "--timeout=60s")
    live = await fleet.members[MEMBER].api.get(DEPLOYMENTS, "web", namespace)
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.28"


async def _let_go(fleet: Fleet, namespace: str) -> None:
    """Leave the federation as docs/adopting.md says."""
    await fleet.host.apply(POLICIES, _policy(namespace, preserveResourcesOnDeletion=True))
    await fleet.host.until(
        BINDINGS, "web.deployments.apps", namespace, lambda b: b and b["spec"]["preserveResourcesOnDeletion"]
    )
    await fleet.kubectl("host", "-n", namespace, "delete", "deployment/web")
    await fleet.host.until(BINDINGS, "web.deployments.apps", namespace, absent)
    kept = await fleet.members[MEMBER].api.get(DEPLOYMENTS, "web", namespace)
    assert HOST_LABEL not in kept["metadata"]["labels"]


def _policy(namespace: str, **more: object) -> dict[str, object]:
    placement = {"clusterAffinity": {"clusterNames": [MEMBER]}}
    kinds = (A_DEPLOYMENT, A_CONFIGMAP, selects("v1", "Service"))
    return policy("app", namespace, *kinds, placement=placement, **more)


async def _pods(fleet: Fleet, namespace: str) -> set[str]:
    """Return the UIDs of the pods that run."""
    listed = json.loads(await fleet.kubectl(MEMBER, "-n", namespace, "get", "pods", "-o", "json"))
    running = [pod for pod in listed["items"] if "deletionTimestamp" not in pod["metadata"]]
    assert all(pod["status"]["phase"] == "Running" for pod in running)
    return {pod["metadata"]["uid"] for pod in running}
