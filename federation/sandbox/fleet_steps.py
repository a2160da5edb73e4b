"""What turns control planes into a federation: install on the host, run the controller, join the members.

Each step looks at what is there and does what is missing, as a person with the `atoll` command would.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import socket
import sys
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from federation.install import ACCOUNT, install
from federation.kube.api import Api
from federation.kube.config import from_file
from federation.kube.errors import ApiError, NotFound
from federation.members.join import Address, Traits, join
from federation.resources import CLUSTER
from federation.sandbox import leadership
from federation.sandbox.binaries import Report
from federation.sandbox.certificates import Authority
from federation.sandbox.errors import StepFailed
from federation.sandbox.kubeconfig import write
from federation.sandbox.plane import Plane
from federation.sandbox.process import Process
from federation.settings import NAMESPACE
from federation.setup import host_id_of, request_token
from mcs.install import install as install_services

_DEADLINE = 120.0  # seconds for the controller to lead, and for the Clusters to be Ready
_PROVIDER = "sandbox"


@dataclass(frozen=True)
class FleetPlan:
    """What the steps need to know of a sandbox."""

    kubeconfig: Path
    host: str
    """The context of the host."""
    members: Sequence[Plane]
    controller: Process
    certificates: Path
    """The folder of the authority of the webhooks."""
    webhook_address: str
    webhook_port: int
    metrics_port: int

    @property
    def account(self) -> Path:
        """The kubeconfig of the controller: it has the rights that `atoll install` gives it, no more."""
        return self.kubeconfig.with_name("controller.kubeconfig")

    @property
    def webhook_url(self) -> str:
        return f"https://{self.webhook_address}:{self.webhook_port}"


def run(plan: FleetPlan, report: Report) -> None:
    """All steps in their order.

    :raises StepFailed: with what the API server or the controller said.
    """
    report("installing Atoll on the host")
    _carry_out(_install(plan))
    start_controller(plan, report)
    _carry_out(_join_missing(plan, report))
    report("waiting until every Cluster is Ready")
    _carry_out(_wait_for_clusters(plan))


def start_controller(plan: FleetPlan, report: Report) -> None:
    """Start the controller unless it runs, and wait until it leads and serves the webhooks."""
    if plan.controller.running() is None:
        report("starting the controller")
        _carry_out(_give_account(plan))
        _carry_out(_release_lease(plan))
        plan.controller.start(controller_command(plan))
    until = time.monotonic() + _DEADLINE
    while not _leads(plan.metrics_port) or not _listens(plan.webhook_address, plan.webhook_port):
        if plan.controller.running() is None:
            raise _controller_failure(plan, "the controller ended")
        if time.monotonic() > until:
            raise _controller_failure(plan, f"the controller does not lead after {_DEADLINE:.0f} s")
        time.sleep(0.1)


def controller_command(plan: FleetPlan) -> list[str]:
    """The command line of the controller; the certificate for the webhooks is made when it is missing."""
    authority = Authority(plan.certificates)
    # The name tells the addresses, so that another address gets another certificate.
    serving = authority.serving(
        f"webhook-{plan.webhook_address}", ["127.0.0.1", "localhost", plan.webhook_address]
    )
    return [
        sys.executable, "-m", "federation",
        f"--kubeconfig={plan.account}",
        f"--metrics-port={plan.metrics_port}",
        f"--webhook-port={plan.webhook_port}", f"--webhook-address={plan.webhook_address}",
        f"--webhook-cert={serving.certificate}", f"--webhook-key={serving.key}",
    ]  # fmt: skip


async def _install(plan: FleetPlan) -> None:
    authority = Authority(plan.certificates).files.certificate.read_bytes()
    bundle = base64.b64encode(authority).decode()
    async with Api(await from_file(plan.kubeconfig, plan.host)) as host:
        await install(host, {"caBundle": bundle, "url": plan.webhook_url})


async def _give_account(plan: FleetPlan) -> None:
    """Write the controller's kubeconfig anew: its token is good for one life of the host's store."""
    async with Api(await from_file(plan.kubeconfig, plan.host)) as host:
        token = await request_token(host, NAMESPACE, ACCOUNT)
    address = address_of(plan.kubeconfig, plan.host)
    cluster = {"server": address.server, "certificate-authority-data": address.ca_data}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": plan.host,
        "clusters": [{"name": plan.host, "cluster": cluster}],
        "users": [{"name": ACCOUNT, "user": {"token": token}}],
        "contexts": [{"name": plan.host, "context": {"cluster": plan.host, "user": ACCOUNT}}],
    }
    write(plan.account, config)


async def _release_lease(plan: FleetPlan) -> None:
    async with Api(await from_file(plan.kubeconfig, plan.host)) as host:
        await leadership.release(host)


async def _join_missing(plan: FleetPlan, report: Report) -> None:
    async with Api(await from_file(plan.kubeconfig, plan.host)) as host:
        for member in plan.members:
            if not await _has_joined(host, member.name):
                report(f"joining {member.name}")
                await _join(plan, host, member)


async def _has_joined(host: Api, name: str) -> bool:
    try:
        await host.get(CLUSTER, name, metadata_only=True)
    except NotFound:
        return False
    return True


async def _join(plan: FleetPlan, host: Api, member: Plane) -> None:
    async with Api(await from_file(plan.kubeconfig, member.name)) as api:
        # Before the Cluster: a member that has one is not joined again.
        await install_services(api, member.name, await host_id_of(host))
        await join(host, api, member.name, address_of(plan.kubeconfig, member.name), traits_of(member))


def traits_of(member: Plane) -> Traits:
    """What is said of a member when it joins."""
    return Traits(provider=_PROVIDER, region=member.region, zones=member.zones)


def address_of(kubeconfig: Path, name: str) -> Address:
    """Where the cluster `name` of the merged kubeconfig is, and by which CA it is known."""
    clusters = yaml.safe_load(kubeconfig.read_text())["clusters"]
    cluster = next(entry["cluster"] for entry in clusters if entry["name"] == name)
    return Address(cluster["server"], cluster["certificate-authority-data"])


async def _wait_for_clusters(plan: FleetPlan) -> None:
    until = time.monotonic() + _DEADLINE
    async with Api(await from_file(plan.kubeconfig, plan.host)) as host:
        while waiting := await _not_ready(host, plan.members):
            if plan.controller.running() is None:
                raise _controller_failure(plan, "the controller ended")
            if time.monotonic() > until:
                raise _controller_failure(plan, "not Ready: " + "; ".join(waiting))
            await asyncio.sleep(0.2)


async def _not_ready(host: Api, members: Sequence[Plane]) -> list[str]:
    """One line for each Cluster that is not Ready, with what it says about that."""
    clusters = [await host.get(CLUSTER, member.name) for member in members]
    states = [(cluster["metadata"]["name"], ready_condition(cluster)) for cluster in clusters]
    return [
        f"{name}: {ready.get('message', 'no condition yet')}"
        for name, ready in states
        if ready.get("status") != "True"
    ]


def ready_condition(cluster: dict[str, Any]) -> dict[str, Any]:
    """The condition Ready of a Cluster, empty while there is none."""
    conditions = cluster.get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == "Ready"), {})


def _carry_out(step: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(step)
    except (ApiError, TimeoutError) as failure:
        raise StepFailed(str(failure) or "the host's API server was too slow; run `up` again") from failure


def _leads(port: int) -> bool:
    """Whether the controller that listens on `port` says that it leads."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status == 200 and answer.read() == b"leading"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=5).close()
    except OSError:
        return False
    return True


def _controller_failure(plan: FleetPlan, what: str) -> StepFailed:
    return StepFailed(f"{what}. The end of {plan.controller.log}:\n{plan.controller.tail()}")
