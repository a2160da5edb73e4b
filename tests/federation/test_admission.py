"""The webhooks of our kinds, asked by a real API server."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest
from kinds import DEPLOYMENTS, RESOURCES, install_kinds, manifest, overriding, propagation

from federation.admission import answers
from federation.kube.api import Api, Resource
from federation.kube.config import from_dict, open_session
from federation.kube.errors import NotFound, ServerError
from federation.sandbox import ports
from federation.sandbox.certificates import Authority
from federation.webhooks import NAME, handler_id, webhook_configuration
from policies.api import KINDS
from policies.api.meta import Manifest
from policies.api.propagation import PropagationPolicy

CONFIGURATIONS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
PP, OP, RB, RO = "PropagationPolicy", "OverridePolicy", "ResourceBinding", "Rollout"
BINDING = {"resource": {"apiVersion": "v1", "kind": "ConfigMap", "plural": "configmaps", "name": "a"}}
FOREIGN = propagation(selectors=[{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "other"}])
UNKNOWN = propagation(placement={"clusterAffinity": {"clusterNames": ["m1", "m9"]}})
SHRINKING = {"resourceSelectors": [DEPLOYMENTS], "steps": [{"updated": "20%"}, {"updated": "10%"}]}
RUN = {
    "workloadRef": {**DEPLOYMENTS, "plural": "deployments", "namespace": "default", "name": "web"},
    "targetRevision": "web-2",
    "stableRevision": "web-1",
    "strategy": {"batches": 2},
}
BROKEN = overriding(plaintext=[{"path": "spec/replicas", "operator": "remove"}])
UNREACHABLE: Manifest = {}
DEADLINE = 20
SCRIPT = Path(__file__).with_name("webhook_server.py")


class Answer(NamedTuple):
    code: int
    message: str
    warnings: list[str]


class Client:
    """One who writes objects and sees the warnings, as kubectl does."""

    def __init__(self, session: aiohttp.ClientSession, host: str) -> None:
        self._session, self._host = session, host

    async def create(self, candidate: Manifest, *, manager: str = "kubectl", dry_run: bool = True) -> Answer:
        path = RESOURCES[candidate["kind"]].path(candidate["metadata"].get("namespace"))
        query = {"fieldManager": manager} | ({"dryRun": "All"} if dry_run else {})
        async with self._session.post(self._host + path, params=query, json=candidate) as response:
            return await self._answer(response)

    async def patch(self, stored: Manifest, change: Manifest) -> Answer:
        metadata = stored["metadata"]
        path = RESOURCES[stored["kind"]].path(metadata.get("namespace"), metadata["name"])
        headers = {"Content-Type": "application/merge-patch+json"}
        async with self._session.patch(self._host + path, headers=headers, json=change) as response:
            return await self._answer(response)

    async def _answer(self, response: aiohttp.ClientResponse) -> Answer:
        answer = orjson.loads(await response.read())
        warnings = [w.split('"')[1] for w in response.headers.getall("Warning", [])]
        return Answer(response.status, answer.get("message", ""), warnings)


class Server:
    """`webhook_server.py` as a process, at a port that stays the same."""

    def __init__(self, authority: Authority) -> None:
        pair, self.port = authority.serving("webhook", ["127.0.0.1"]), ports.free(1)[0]
        files = (str(pair.certificate), str(pair.key))
        self._command = [sys.executable, str(SCRIPT), str(self.port), *files, "m1", "m2"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(DEADLINE)


class Admission(NamedTuple):
    """A running webhook server, known to the API server."""

    api: Api
    client: Client
    server: Server


@asynccontextmanager
async def connected(kubeconfig: dict[str, Any], server: Server) -> AsyncIterator[Admission]:
    configuration = await from_dict(kubeconfig)
    async with Api(configuration) as api, open_session(configuration) as session:
        yield Admission(api, Client(session, configuration.host), server)


@pytest.fixture(scope="module")
def webhook_server(apiserver: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server and its configuration. Other tests use the API server too, so it forgets both in the end."""
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    server = Server(authority)
    bundle = base64.b64encode(authority.files.certificate.read_bytes()).decode()

    async def configure() -> None:
        async with connected(apiserver.kubeconfig, server) as admission:
            await install_kinds(admission.api)
            server.start()
            config = webhook_configuration({"caBundle": bundle, "url": f"https://127.0.0.1:{server.port}"})
            await admission.api.apply(CONFIGURATIONS, config, manager="atoll-install")
            await until(admission.client, manifest(PP, FOREIGN), code=422)

    async def forget() -> None:
        async with connected(apiserver.kubeconfig, server) as admission:
            await admission.api.delete(CONFIGURATIONS, NAME)
            await until(admission.client, manifest(PP, FOREIGN), code=201)

    try:
        asyncio.run(configure())
        yield server
        asyncio.run(forget())
    finally:
        server.stop()


@pytest.fixture
async def admission(apiserver: Any, webhook_server: Server) -> AsyncIterator[Admission]:
    async with connected(apiserver.kubeconfig, webhook_server) as admission:
        yield admission


async def until(client: Client, candidate: Manifest, *, code: int) -> None:
    """Wait until the API server has taken up a change of its webhooks."""
    async with asyncio.timeout(DEADLINE):
        while (await client.create(candidate)).code != code:  # noqa: ASYNC110 - the API has no event for it
            await asyncio.sleep(0.05)


async def test_a_mistake_is_refused_with_its_field_and_the_remedy(admission: Admission) -> None:
    answer = await admission.client.create(manifest(PP, FOREIGN))
    assert answer.code == 422
    assert (
        "spec.resourceSelectors[0].namespace: a PropagationPolicy selects objects of its own namespace "
        "'default' only, not of 'other'; remove namespace or use a ClusterPropagationPolicy" in answer.message
    )


async def test_a_doubt_is_stored_with_a_warning(admission: Admission) -> None:
    answer = await admission.client.create(manifest(PP, UNKNOWN))
    assert answer.code == 201
    assert answer.warnings == [
        "spec.placement.clusterAffinity.clusterNames[1]: there is no Cluster 'm9'; "
        "correct the name or join the cluster"
    ]


async def test_a_good_object_is_stored_in_silence(admission: Admission) -> None:
    assert await admission.client.create(manifest(PP, propagation())) == Answer(201, "", [])


@pytest.mark.parametrize("kind", [OP, "ClusterOverridePolicy"])
async def test_overrides_are_judged_too(admission: Admission, kind: str) -> None:
    answer = await admission.client.create(manifest(kind, BROKEN))
    assert answer.code == 422
    assert "begin it with '/', as in /spec/replicas" in answer.message


@pytest.mark.parametrize("kind", ["ClusterPropagationPolicy", "Cluster"])
async def test_cluster_scoped_kinds_are_judged_too(admission: Admission, kind: str) -> None:
    answer = await admission.client.create(manifest(kind, UNREACHABLE if kind == "Cluster" else UNKNOWN))
    assert (answer.code, len(answer.warnings)) == (201, 1)


@pytest.mark.parametrize("kind", ["RolloutPolicy", "ClusterRolloutPolicy"])
async def test_strategies_are_judged_too(admission: Admission, kind: str) -> None:
    answer = await admission.client.create(manifest(kind, SHRINKING))
    assert answer.code == 422
    assert "spec.steps[1].updated: 10% is no more than what steps[0] reaches already" in answer.message


async def test_a_verb_about_no_cluster_is_stored_with_a_warning(admission: Admission, namespace: str) -> None:
    rollouts, run = RESOURCES[RO], manifest(RO, RUN, name=namespace)
    await admission.api.apply(rollouts, run, manager="kubectl")
    answer = await admission.client.patch(run, {"spec": {"skipClusters": ["m9"]}})
    assert answer == Answer(
        200,
        "",
        ["spec.skipClusters[0]: there is no Cluster 'm9'; correct the name or join the cluster"],
    )


@pytest.mark.parametrize("kind", [RB, "ClusterResourceBinding"])
async def test_bindings_warn_all_but_our_own_writers(admission: Admission, kind: str) -> None:
    by_hand = await admission.client.create(manifest(kind, BINDING))
    assert by_hand.code == 201
    assert "change the policy instead" in by_hand.warnings[0]
    ours = await admission.client.create(manifest(kind, BINDING), manager="atoll-schedule")
    assert ours == Answer(201, "", [])


async def test_a_mistake_brought_in_later_is_refused_as_well(admission: Admission, namespace: str) -> None:
    policies = RESOURCES["ClusterOverridePolicy"]
    good = manifest("ClusterOverridePolicy", overriding(merge={"spec": {"a": 1}}), name=namespace)
    await admission.api.apply(policies, good, manager="kubectl")
    bad = manifest("ClusterOverridePolicy", overriding(merge={"kind": "Pod"}), name=namespace)
    with pytest.raises(Exception, match="kind can't differ between clusters"):
        await admission.api.apply(policies, bad, manager="kubectl")


@pytest.fixture
async def outage(admission: Admission) -> AsyncIterator[Callable[[], None]]:
    """Stops the server when called; it is back after the test."""
    yield admission.server.stop
    admission.server.start()
    await until(admission.client, manifest(PP, FOREIGN), code=422)


async def test_while_the_server_is_down_policies_wait_and_all_else_goes_on(
    admission: Admission, outage: Callable[[], None], namespace: str
) -> None:
    api, clusters = admission.api, RESOURCES["Cluster"]
    leaving = manifest("Cluster", UNREACHABLE, name=namespace)
    leaving["metadata"]["finalizers"] = ["federation.atoll.dev/test"]
    await api.create(clusters, leaving, manager="kubectl")
    outage()

    with pytest.raises(ServerError, match="failed calling webhook") as refusal:
        await api.create(RESOURCES[PP], manifest(PP, propagation(), name=namespace), manager="kubectl")
    assert refusal.value.transient
    assert await admission.client.create(manifest(RB, BINDING)) == Answer(201, "", [])
    assert await admission.client.create(manifest(RO, RUN)) == Answer(201, "", [])

    await api.delete(clusters, namespace)
    await api.patch(clusters, namespace, None, {"metadata": {"finalizers": None}}, manager="atoll")
    with pytest.raises(NotFound):
        await api.get(clusters, namespace)


def test_every_kind_is_answered_at_its_path() -> None:
    assert answers().keys() == {handler_id(kind) for kind in KINDS}


def webhooks(**client_config: Any) -> Iterator[dict[str, Any]]:
    yield from webhook_configuration({"caBundle": "Y2E=", **client_config})["webhooks"]


def test_every_kind_is_asked_about_when_it_is_written_and_never_when_deleted() -> None:
    asked = {hook["rules"][0]["resources"][0]: hook["rules"][0] for hook in webhooks(url="https://a")}
    assert asked.keys() == {kind.plural for kind in KINDS}
    assert all(rule["operations"] == ["CREATE", "UPDATE"] for rule in asked.values())


def test_a_service_is_reached_at_the_path_of_the_kind() -> None:
    service = {"namespace": "atoll-system", "name": "atoll", "port": 443}
    configs = [hook["clientConfig"] for hook in webhooks(service=service)]
    path = f"/{handler_id(PropagationPolicy)}"
    assert {"caBundle": "Y2E=", "service": {**service, "path": path}} in configs
    assert not any("url" in config for config in configs)


def test_only_warnings_may_be_lost_in_an_outage() -> None:
    policies = {h["rules"][0]["resources"][0]: h["failurePolicy"] for h in webhooks(url="https://a")}
    lost = {plural for plural, policy in policies.items() if policy == "Ignore"}
    assert lost == {"resourcebindings", "clusterresourcebindings", "rollouts"}
