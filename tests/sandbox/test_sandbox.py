"""A sandbox from up to down, with real clusters: what people and the other tests rely on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from federation.sandbox import process, state
from federation.sandbox.certificates import KeyPair
from federation.sandbox.components import Layout
from federation.sandbox.endpoint import Endpoint
from federation.sandbox.errors import SandboxError, UnknownName
from federation.sandbox.plane import Plane, Role
from federation.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.timeout(300)

ATOLL = str(Path(sys.executable).with_name("atoll"))
CLUSTERS = "/apis/federation.atoll.dev/v1alpha1/clusters"


def silent(line: str) -> None:
    """Report to nobody."""


def wait_until(condition: Callable[[], bool], deadline: float = 60.0) -> None:
    until = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def atoll_home(clusters_folder: Path, sandbox_binaries: Path) -> Iterator[Path]:
    home = clusters_folder / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATOLL_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def sandbox(atoll_home: Path) -> Iterator[Sandbox]:
    """A host and a full member; each test leaves both running."""
    made = Sandbox("full", silent)
    try:
        made.up(1, Role.MEMBER, "binaries")
        yield made
    finally:
        made.down()


@pytest.fixture
def second(atoll_home: Path) -> Iterator[Sandbox]:
    """A sandbox that does not exist yet."""
    made = Sandbox("second", silent)
    yield made
    made.down()


def endpoint(sandbox: Sandbox, name: str) -> Endpoint:
    saved = state.load(sandbox.folder)
    assert saved is not None
    layout = Layout(sandbox.folder / "clusters" / name)
    admin = KeyPair(layout.certificate("admin"), layout.key("admin"))
    return Endpoint(saved.plane(name).url, layout.certificate("ca"), admin)


def create(server: Endpoint, path: str, manifest: dict[str, Any]) -> None:
    answer = server.request("POST", path, manifest)
    assert answer.status == 201, answer.text


def workload(kind: str, name: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    containers = [{"name": "main", "image": "registry.example/main:1"}]
    template = {
        "metadata": {"labels": {"app": name}, "annotations": annotations or {}},
        "spec": {"containers": containers},
    }
    if kind == "Job":
        template["spec"]["restartPolicy"] = "Never"
        return {"kind": kind, "metadata": {"name": name}, "spec": {"template": template}}
    selector = {"matchLabels": {"app": name}}
    spec = {"replicas": 2, "selector": selector, "template": template}
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def running(sandbox: Sandbox) -> set[str]:
    return {f"{part.cluster}/{part.name}" for part in sandbox.status() if part.state == "Running"}


def every(sandbox: Sandbox) -> set[str]:
    return {f"{part.cluster}/{part.name}" for part in sandbox.status()}


def atoll(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ATOLL, "sandbox", *arguments], capture_output=True, text=True, timeout=200)


def test_every_member_is_ready_when_up_returns(sandbox):
    clusters = endpoint(sandbox, "host").request("GET", CLUSTERS).manifest["items"]
    ready = {
        cluster["metadata"]["name"]: condition["status"]
        for cluster in clusters
        for condition in cluster["status"]["conditions"]
        if condition["type"] == "Ready"
    }
    assert ready == {"m1": "True"}


def test_the_kubeconfig_has_a_context_for_each_cluster(sandbox):
    config = yaml.safe_load(sandbox.existing_kubeconfig().read_text())
    assert [context["name"] for context in config["contexts"]] == ["host", "m1"]
    assert config["current-context"] == "host"
    assert sandbox.kubeconfig.stat().st_mode & 0o077 == 0


def test_a_deployment_on_the_host_makes_no_pods(sandbox, namespace):
    host = endpoint(sandbox, "host")
    create(host, "/api/v1/namespaces", {"metadata": {"name": namespace}})
    create(host, f"/apis/apps/v1/namespaces/{namespace}/deployments", workload("Deployment", "web"))
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    wait_until(lambda: host.request("GET", accounts).status == 200)  # the controllers have seen the namespace
    assert host.request("GET", f"/apis/apps/v1/namespaces/{namespace}/replicasets").manifest["items"] == []


def pods(server: Endpoint, namespace: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.request("GET", f"/api/v1/namespaces/{namespace}/pods").manifest[
        "items"
    ]
    return found


def test_a_deployment_in_a_member_becomes_ready_on_nodes_of_its_own_addresses(sandbox, namespace):
    member = endpoint(sandbox, "m1")
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    create(member, "/api/v1/namespaces", {"metadata": {"name": namespace}})
    create(member, deployments, workload("Deployment", "web"))
    web = f"{deployments}/web"
    wait_until(lambda: member.request("GET", web).manifest.get("status", {}).get("readyReplicas") == 2)
    assert all(pod["status"]["podIP"].startswith("10.1.") for pod in pods(member, namespace))


@pytest.mark.parametrize(
    ("annotation", "state"),
    [
        ("sandbox.atoll.dev/unready", {"running"}),
        ("sandbox.atoll.dev/crash", {"waiting"}),
    ],
)
def test_an_annotation_of_the_pods_keeps_a_deployment_from_becoming_ready(
    sandbox, namespace, annotation, state
):
    member = endpoint(sandbox, "m1")
    create(member, "/api/v1/namespaces", {"metadata": {"name": namespace}})
    web = workload("Deployment", "web", {annotation: "true"})
    create(member, f"/apis/apps/v1/namespaces/{namespace}/deployments", web)

    def statuses() -> list[dict[str, Any]]:
        found = [pod["status"] for pod in pods(member, namespace)]
        return [status for status in found if status["phase"] == "Running"]

    wait_until(lambda: len(statuses()) == 2)
    for status in statuses():
        (container,) = status["containerStatuses"]
        assert (container["ready"], set(container["state"])) == (False, state)
        assert {c["type"]: c["status"] for c in status["conditions"]}["Ready"] == "False"


def test_a_job_in_a_member_completes(sandbox, namespace):
    member = endpoint(sandbox, "m1")
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    create(member, "/api/v1/namespaces", {"metadata": {"name": namespace}})
    create(member, jobs, workload("Job", "once"))
    once = f"{jobs}/once"
    wait_until(lambda: member.request("GET", once).manifest.get("status", {}).get("succeeded") == 1)


def test_an_outage_of_a_member_ends_at_the_same_address_with_nothing_lost(sandbox, namespace):
    member = endpoint(sandbox, "m1")
    create(member, "/api/v1/namespaces", {"metadata": {"name": namespace}})
    sandbox.stop("m1")
    assert {part.state for part in sandbox.status() if part.cluster == "m1"} == {"Stopped"}
    assert atoll("status", "--name", "full").returncode == 1
    sandbox.start("m1")
    assert member.request("GET", f"/api/v1/namespaces/{namespace}").status == 200
    assert running(sandbox) == every(sandbox)


def test_up_again_starts_what_was_killed_and_nothing_else(sandbox):
    before = {(part.cluster, part.name): part.pid for part in sandbox.status()}
    killed = {("m1", "kube-scheduler"), ("host", "kube-apiserver"), ("", "controller")}
    process.end([psutil.Process(before[part]) for part in killed], deadline=0)
    sandbox.up(1, Role.MEMBER, "binaries")
    after = {(part.cluster, part.name): part.pid for part in sandbox.status()}
    assert None not in after.values()
    # Without its API server a controller of the host may have ended too, and then it was started as well.
    changed = {part for part in after if after[part] != before[part]}
    assert killed <= changed <= killed | {("host", "kube-controller-manager")}


def test_the_logs_of_every_component_are_at_hand(sandbox):
    assert "leading" in atoll("logs", "controller", "--name", "full").stdout
    assert atoll("logs", "m1/kwok", "--name", "full").returncode == 0
    unknown = atoll("logs", "m1/kubelet", "--name", "full")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("error: m1 has no kubelet; it has etcd,")


def test_status_as_json_names_each_component(sandbox):
    done = atoll("status", "--name", "full", "-o", "json")
    assert done.returncode == 0, done.stderr
    parts = json.loads(done.stdout)
    assert {f"{part['cluster']}/{part['name']}" for part in parts} == every(sandbox)
    assert all(part["memory"] > 1 << 20 for part in parts)


def test_another_provider_for_the_same_sandbox_is_refused(sandbox):
    with pytest.raises(SandboxError, match="was made with --provider binaries"):
        sandbox.up(1, Role.MEMBER, "kind")


def test_two_sandboxes_side_by_side_and_down_leaves_nothing_of_one(sandbox, second):
    second.up(1, Role.API_ONLY, "binaries")
    assert running(second) == {
        "host/etcd", "host/kube-apiserver", "host/kube-controller-manager",
        "m1/etcd", "m1/kube-apiserver", "/controller",
    }  # fmt: skip
    folder = second.folder
    second.down()
    assert not folder.exists()
    assert process.strays(folder) == []
    assert running(sandbox) == every(sandbox)


def test_what_a_killed_up_has_left_is_taken_up_by_the_next(second):
    words = [ATOLL, "sandbox", "up", "--name", "second", "--members", "0"]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as command:
        etcd = second.folder / "clusters" / "host" / "etcd.pid"
        wait_until(etcd.exists)
        command.kill()
    etcd.unlink()  # killed just before it wrote the record
    second.up(0, Role.MEMBER, "binaries")
    assert running(second) == every(second)
    recorded = {part.pid for part in second.status()}
    assert {stray.pid for stray in process.strays(second.folder)} == recorded


def test_what_does_not_exist_is_named_with_the_way_to_make_it(atoll_home):
    missing = Sandbox("missing", silent)
    with pytest.raises(UnknownName, match="atoll sandbox up --name missing"):
        missing.status()
    missing.down()
    assert not missing.folder.exists()


@pytest.mark.parametrize("name", ["", "Dev", "../x", "a" * 31, "-a"])
def test_a_name_that_can_be_no_folder_and_no_cluster_is_refused(name):
    with pytest.raises(UnknownName, match="can't name a sandbox"):
        Sandbox(name, silent)


def test_a_cluster_that_does_not_exist_is_refused_with_those_that_do():
    host = Plane("host", Role.HOST, 0, 1, 2)
    with pytest.raises(UnknownName, match="no cluster 'm7'; there are host"):
        state.State("binaries", (host,), 3, 4).plane("m7")
