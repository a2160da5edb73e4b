"""A killed controller leaves its lease behind; in a sandbox the next one need not wait for its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from federation.kube.api import Api
from federation.kube.config import from_dict
from federation.kube.lease import LEASES
from federation.sandbox import leadership
from federation.settings import LEASE, NAMESPACE, identity
from tests.federated import NAMESPACES, Cluster
from tests.servers import ApiServer

HERE, _, _ = identity().rpartition("-")


@pytest.fixture
async def host(apiserver: ApiServer) -> AsyncIterator[Cluster]:
    async with Api(await from_dict(apiserver.kubeconfig)) as api:
        cluster = Cluster(api)
        await cluster.apply(
            NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        )
        yield cluster
        await cluster.delete(LEASES, LEASE, NAMESPACE)


@pytest.fixture
def killed() -> Iterator[int]:
    """The pid of a process that was killed, and whose exit status nobody has taken yet."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid


async def _held_by(host: Cluster, holder: str) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": holder}}
    await host.apply(LEASES, lease | {"metadata": {"name": LEASE, "namespace": NAMESPACE}})
    await leadership.release(host.api)


async def test_the_lease_of_a_process_that_was_killed_here_goes(host: Cluster, killed: int) -> None:
    await _held_by(host, f"{HERE}-{killed}")
    assert await host.get(LEASES, LEASE, NAMESPACE) is None


@pytest.mark.parametrize(
    "holder", [f"{HERE}-{os.getpid()}", "", f"{HERE}-", f"{HERE}-web"], ids=["runs", "nobody", "none", "name"]
)
async def test_any_other_lease_stays(host: Cluster, holder: str) -> None:
    await _held_by(host, holder)
    assert await host.get(LEASES, LEASE, NAMESPACE) is not None


async def test_a_lease_held_on_another_machine_stays(host: Cluster, killed: int) -> None:
    await _held_by(host, f"elsewhere-{killed}")
    assert await host.get(LEASES, LEASE, NAMESPACE) is not None


async def test_where_there_is_no_lease_nothing_goes_wrong(host: Cluster) -> None:
    await leadership.release(host.api)
    assert await host.get(LEASES, LEASE, NAMESPACE) is None
