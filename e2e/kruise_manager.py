"""OpenKruise's own controller of CloneSets beside the members. It takes minutes to build: for a soak only.

It runs as a program of its own at each member, which calls its webhooks on this machine. They must be gone
before it is: without it they refuse every write.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import yaml

from e2e.fleet import Fleet
from e2e.kruise import CLONESETS, kept, module
from federation.kube.errors import ApiError
from federation.kube.resources import Manifest, Resource
from federation.sandbox import ports
from federation.sandbox.process import Process
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


async def start(fleet: Fleet) -> None:
    """Have OpenKruise control the CloneSets of all members."""
    program = await asyncio.to_thread(built)
    await asyncio.gather(*(_start(fleet, name, program) for name in fleet.members))


async def stop(fleet: Fleet) -> None:
    """Leave the members as they were before."""
    for name, member in fleet.members.items():
        for resource, webhooks in _webhooks():
            await member.delete(resource, webhooks["metadata"]["name"])
        definitions = await _definitions(fleet, name)
        await fleet.kubectl(name, "delete", "--ignore-not-found", "-f", "-", stdin=definitions)
        await member.delete(NAMESPACES, NAMESPACE)
        await asyncio.to_thread(fleet.program(name, NAME).stop)


async def _start(fleet: Fleet, name: str, program: Path) -> None:
    member, process = fleet.members[name], fleet.program(name, NAME)
    definitions = await _definitions(fleet, name)
    await fleet.kubectl(name, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=definitions)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    await member.apply(NAMESPACES, namespace)
    for resource, webhooks in _webhooks():
        await member.apply(resource, webhooks)
    kubeconfig = fleet.folder(name) / "kruise.kubeconfig"
    kubeconfig.touch(0o600)
    kubeconfig.write_text(await fleet.kubectl(name, "config", "view", "--minify", "--flatten", "--raw"))
    _run(process, program, kubeconfig)
    await eventually(lambda: _answers(member), lambda: process.tail(30), _STARTED)


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


def _webhooks() -> list[tuple[Resource, Manifest]]:
    """The webhooks of CloneSets alone; the manager writes its address and certificate into them."""
    text = (module() / "config" / "webhook" / "manifests.yaml").read_text()
    by_kind = {each["kind"]: each for each in yaml.safe_load_all(text) if each}
    return [(resource, _of_clonesets(by_kind[resource.kind])) for resource in (_MUTATING, _VALIDATING)]


def _of_clonesets(webhooks: Manifest) -> Manifest:
    own = [
        hook
        for hook in webhooks["webhooks"]
        if any("clonesets" in rule["resources"] for rule in hook["rules"])
    ]
    metadata = {"name": f"kruise-{webhooks['metadata']['name']}"}
    return webhooks | {"metadata": metadata, "webhooks": own}


async def _answers(member: Cluster) -> bool:
    """Whether its webhooks are called: they say what a CloneSet leaves out."""
    names = {"apiVersion": CLONESETS.api_version, "kind": CLONESETS.kind}
    asked = deployment("web", "default") | names
    try:
        answer = await member.api.apply(CLONESETS, asked, manager=USER, dry_run=True)
    except ApiError:
        return False
    return "updateStrategy" in answer["spec"]
