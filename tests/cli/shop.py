"""A namespace with releases in it, as people see it through atoll and as a controller writes to it."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from kinds import RESOURCES
from typer.testing import CliRunner

from federation.cli.main import app
from federation.kube.api import Api, Manifest
from federation.kube.resources import Resource
from policies.api.rollout import Rollout
from tests.federated import DEPLOYMENTS, deployment
from tests.servers import ApiServer

ROLLOUTS = RESOURCES["Rollout"]
REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
USER = "test-user"


class Said(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


class Shop:
    """A namespace with the Deployment web, seen by a person and written to by a controller."""

    def __init__(self, server: ApiServer, api: Api, namespace: str) -> None:
        self.server, self.api, self.namespace = server, api, namespace
        self.uid = ""

    async def atoll(self, *words: str) -> Said:
        """Run a command in the namespace."""
        line = ["rollout", *words, "--kubeconfig", str(self.server.path), "-n", self.namespace]
        result = await asyncio.to_thread(CliRunner().invoke, app, line)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    async def deploy(self, image: str) -> None:
        applied = await self.api.apply(
            DEPLOYMENTS, deployment("web", self.namespace, image=image), manager=USER
        )
        self.uid = applied["metadata"]["uid"]

    async def run(
        self, number: int = 1, *, target: str = "web-b", stable: str = "web-a", **status: Any
    ) -> None:
        """Store a run of the Deployment, and how it stands."""
        ref = {"apiVersion": "apps/v1", "kind": "Deployment", "plural": "deployments", "name": "web"}
        spec = {
            "workloadRef": {**ref, "namespace": self.namespace, "uid": self.uid},
            "targetRevision": target,
            "stableRevision": stable,
            "strategy": {"batches": 3},
        }
        metadata = {"name": f"web-{number}", "namespace": self.namespace}
        manifest = {"apiVersion": ROLLOUTS.api_version, "kind": "Rollout", "metadata": metadata, "spec": spec}
        await self.api.create(ROLLOUTS, manifest, manager=USER)
        await self.stands(number, **status)

    async def stands(self, number: int = 1, **status: Any) -> None:
        whole = {"currentStep": 1, "totalSteps": 3, "step": "1/3", "observedGeneration": 1, **status}
        body = {"status": whole}
        await self.api.patch(
            ROLLOUTS, f"web-{number}", self.namespace, body, manager=USER, subresource="status"
        )

    async def revision(self, number: int, name: str) -> None:
        """Keep the Deployment's pod template as it is now."""
        live = await self.api.get(DEPLOYMENTS, "web", self.namespace)
        template = live["spec"]["template"]
        template["metadata"].pop("creationTimestamp", None)
        metadata = {
            "name": name,
            "namespace": self.namespace,
            "labels": {"federation.atoll.dev/workload-uid": self.uid},
        }
        manifest = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": metadata,
            "revision": number,
            "data": {"template": template},
        }
        await self.api.create(REVISIONS, manifest, manager=USER)

    async def rollout(self, number: int = 1) -> Rollout:
        return Rollout.model_validate(await self.api.get(ROLLOUTS, f"web-{number}", self.namespace))

    async def spec(self, number: int = 1) -> Manifest:
        spec: Manifest = (await self.api.get(ROLLOUTS, f"web-{number}", self.namespace))["spec"]
        return spec

    async def image(self) -> str:
        live = await self.api.get(DEPLOYMENTS, "web", self.namespace)
        image: str = live["spec"]["template"]["spec"]["containers"][0]["image"]
        return image

    async def released_twice(self) -> None:
        """The revisions a (nginx:1), b (nginx:2, which runs) and c (nginx:3, which was rolled back)."""
        for number, name in enumerate("abc", 1):
            await self.deploy(f"nginx:{number}")
            await self.revision(number, f"web-{name}")
        await self.deploy("nginx:2")
        await self.run(1, target="web-b", stable="web-a", phase="Completed", reason="Released")
        await self.run(2, target="web-c", stable="web-b", phase="RolledBack", reason="PodsFailed")
