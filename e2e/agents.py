"""The agent of a member as a process of this machine, with the accounts that it has in both clusters."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from e2e.fleet import SETTLE, Fleet, fetch
from federation.kube.lease import LEASES
from federation.resources import SECRETS
from federation.sandbox.ports import free
from federation.sandbox.process import Process
from federation.settings import NAMESPACE
from federation.setup import request_token
from mcs.names import AGENT
from mcs.resources import SOURCE_STATES
from tests.federated import eventually


class Agent(NamedTuple):
    """Carries `member` while it runs."""

    fleet: Fleet
    member: str
    process: Process
    port: int

    def start(self, *options: str, runner: tuple[str, ...] = ("-m",)) -> None:
        """`runner`: what runs the module instead of the interpreter itself."""
        folder = self.process.folder
        kubeconfigs = [f"--host-kubeconfig={folder / 'kubeconfig'}", f"--kubeconfig={folder / 'member'}"]
        own = [f"--cluster={self.member}", *kubeconfigs, f"--metrics-port={self.port}"]
        self.process.start([sys.executable, *runner, "mcs", *own, *options])

    async def kill(self) -> None:
        """kill -9; its time in the Lease is not waited for."""
        self.process.stop(deadline=0)
        await self.fleet.members[self.member].delete(LEASES, AGENT, NAMESPACE)

    async def ready(self, text: str = "carrying") -> None:
        async def is_said() -> bool:
            return (await fetch(self.port, "/readyz")).startswith(text)

        await eventually(is_said, lambda: self.process.tail(), SETTLE)


async def agent_in(fleet: Fleet, member: str, servers: Mapping[str, str] | None = None) -> Agent:
    """Have a member carried by an agent that is still to be started.

    :param servers: by context, other addresses at which it finds the API servers
    """
    await fleet.atoll("services", "agent", member, "--image=registry.example/atoll:1")
    folder = fleet.folder(member) / "agent"
    await _credentials(fleet, member, folder, servers or {})
    return Agent(fleet, member, Process(folder, "agent"), free(1)[0])


async def _credentials(fleet: Fleet, member: str, folder: Path, servers: Mapping[str, str]) -> None:
    """What the pod of the agent would have: the Secret in a folder, and its account in the member."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240
    cluster = fleet.members[member]
    secret = await cluster.get(SECRETS, f"{AGENT}-host", NAMESPACE)
    assert secret is not None
    for name, value in secret["data"].items():
        (folder / name).write_bytes(base64.b64decode(value))
    kubeconfig = yaml.safe_load(fleet.sandbox.kubeconfig.read_text())
    token = await request_token(cluster.api, NAMESPACE, AGENT)
    for user in kubeconfig["users"]:
        user["user"] = {"token": token}
    (folder / "member").write_text(yaml.safe_dump(kubeconfig | {"current-context": member}))
    for path in (folder / "kubeconfig", folder / "member"):
        path.write_text(elsewhere(path.read_text(), servers))


def elsewhere(kubeconfig: str, servers: Mapping[str, str]) -> str:
    """Return a kubeconfig in which clusters have other addresses."""
    found = yaml.safe_load(kubeconfig)
    for entry in found["clusters"]:
        entry["cluster"]["server"] = servers.get(entry["name"], entry["cluster"]["server"])
    return yaml.safe_dump(found)


async def epoch(fleet: Fleet, member: str) -> str:
    state = await fleet.host.get(SOURCE_STATES, member, NAMESPACE)
    return str(state["spec"]["epoch"]) if state else ""


async def speaks(fleet: Fleet, member: str, before: str) -> None:
    """Wait until an exporter of a member that began since then has everything on the host."""
    await fleet.host.until(
        SOURCE_STATES, member, NAMESPACE,
        lambda live: live is not None and live["spec"]["synced"] and live["spec"]["epoch"] != before,
        seconds=SETTLE,
    )  # fmt: skip
