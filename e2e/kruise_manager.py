"""OpenKruise's own controllers beside the members. They take minutes to build: for a soak only.

They run as a program of its own at each member, which calls its webhooks on this machine. They must be gone
before it is: without it they refuse every write.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import yaml

from e2e.fleet import Fleet, connected
from e2e.kruise import kept, module
from federation.kube.errors import ApiError
from federation.kube.resources import Manifest, Resource
from federation.sandbox import ports
from federation.sandbox.process import Process
from federation.sandbox.sandbox import Sandbox
from tests.federated import NAMESPACES, USER, Cluster, deployment, eventually

NAME, NAMESPACE = "kruise-manager", "kruise-system"
_GROUP = "admissionregistration.k8s.io"
_MUTATING = Resource(_GROUP, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False)
_VALIDATING = Resource(
    _GROUP, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False
)
_STARTED = 180.0
_OPTIONS = (
    "--enable-leader-election=false",
    "--enable-pprof=false",
    "--metrics-addr=0",
    "--health-probe-addr=0",
    "--feature-gates=KruiseDaemon=false",
)


def built() -> Path:
    """Return the program; it is kept, as the build takes four minutes on two cores when nothing is cached."""
    program = kept() / NAME
    if not program.is_file():
        program.parent.mkdir(parents=True, exist_ok=True)
        draft = program.with_suffix(".draft")
        go = shutil.which("go")
        assert go, "OpenKruise is built from its Go module: install Go (https://go.dev/dl)"
        words = [go, "-C", str(module()), "build", "-trimpath", "-ldflags=-s", "-o", str(draft), "."]
        environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
        said = subprocess.run(words, env=environment, capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        draft.replace(program)
    return program


@contextmanager
def controlled(sandbox: Sandbox, resource: Resource) -> Iterator[None]:
    """Have OpenKruise control a kind in all members for the time of a block; they serve it already."""
    program = built()
    try:
        asyncio.run(_start_all(sandbox, resource, program))
        yield
    finally:
        asyncio.run(_stop_all(sandbox, resource))


async def _start_all(sandbox: Sandbox, resource: Resource, program: Path) -> None:
    async with connected(sandbox) as fleet:
        await asyncio.gather(*(_start(fleet, name, resource, program) for name in fleet.members))


async def _stop_all(sandbox: Sandbox, resource: Resource) -> None:
    """Leave the members as they were before."""
    async with connected(sandbox) as fleet:
        for name in fleet.members:
            await _stop(fleet, name, resource)


async def _stop(fleet: Fleet, name: str, resource: Resource) -> None:
    member = fleet.members[name]
    for configuration, webhooks in _webhooks(resource):
        await member.delete(configuration, webhooks["metadata"]["name"])
    definitions = await _definitions(fleet, name)
    await fleet.kubectl(name, "delete", "--ignore-not-found", "-f", "-", stdin=definitions)
    await member.delete(NAMESPACES, NAMESPACE)
    await asyncio.to_thread(fleet.program(name, NAME).stop)


async def _start(fleet: Fleet, name: str, resource: Resource, program: Path) -> None:
    member, process = fleet.members[name], fleet.program(name, NAME)
    definitions = await _definitions(fleet, name)
    await fleet.kubectl(name, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=definitions)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    await member.apply(NAMESPACES, namespace)
    for configuration, webhooks in _webhooks(resource):
        await member.apply(configuration, webhooks)
    kubeconfig = fleet.folder(name) / "kruise.kubeconfig"
    kubeconfig.touch(0o600)
    kubeconfig.write_text(await fleet.kubectl(name, "config", "view", "--minify", "--flatten", "--raw"))
    _run(process, program, kubeconfig)
    await eventually(partial(_answers, member, resource), lambda: process.tail(30), _STARTED)


def _run(process: Process, program: Path, kubeconfig: Path) -> None:
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "POD_NAMESPACE": NAMESPACE,
        "WEBHOOK_HOST": "localhost",
        "WEBHOOK_PORT": str(ports.free(1)[0]),
        "WEBHOOK_CERT_DIR": str(process.folder / "kruise-certificates"),
    }
    process.start([program, *_OPTIONS], environment)


async def _definitions(fleet: Fleet, name: str) -> str:
    """The manager wants all kinds of OpenKruise to be served."""
    return await fleet.kubectl(name, "kustomize", str(module() / "config" / "crd"))


def _webhooks(resource: Resource) -> list[tuple[Resource, Manifest]]:
    """The webhooks of one kind alone; the manager writes its address and certificate into them."""
    text = (module() / "config" / "webhook" / "manifests.yaml").read_text()
    by_kind = {each["kind"]: each for each in yaml.safe_load_all(text) if each}
    return [(each, _of(resource, by_kind[each.kind])) for each in (_MUTATING, _VALIDATING)]


def _of(resource: Resource, webhooks: Manifest) -> Manifest:
    own = [hook for hook in webhooks["webhooks"] if any(_is_about(resource, rule) for rule in hook["rules"])]
    metadata = {"name": f"kruise-{webhooks['metadata']['name']}"}
    return webhooks | {"metadata": metadata, "webhooks": own}


def _is_about(resource: Resource, rule: Manifest) -> bool:
    return resource.group in rule["apiGroups"] and resource.plural in rule["resources"]


async def _answers(member: Cluster, resource: Resource) -> bool:
    """Whether its webhooks are called: they say what an object of the kind leaves out."""
    asked = deployment("web", "default") | {"apiVersion": resource.api_version, "kind": resource.kind}
    del asked["spec"]["replicas"]
    try:
        answer = await member.api.apply(resource, asked, manager=USER, dry_run=True)
    except ApiError:
        return False
    return "updateStrategy" in answer["spec"]
