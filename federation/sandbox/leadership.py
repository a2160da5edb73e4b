"""The lease that a killed controller leaves behind. Elsewhere it runs out, as nobody can know that its holder
is gone; in a sandbox the process ran on this machine, and the next one need not wait.
"""

from __future__ import annotations

from contextlib import suppress

from federation.kube.api import Api
from federation.kube.errors import Conflict, NotFound
from federation.kube.lease import LEASES
from federation.sandbox import process
from federation.settings import LEASE, NAMESPACE, identity


async def release(host: Api) -> None:
    """Remove the controllers' lease unless its holder may still run, here or elsewhere."""
    with suppress(NotFound, Conflict):  # there is none, or another took it just now
        lease = await host.get(LEASES, LEASE, NAMESPACE)
        if _is_gone(lease["spec"].get("holderIdentity") or ""):
            version = lease["metadata"]["resourceVersion"]
            await host.delete(LEASES, LEASE, NAMESPACE, resource_version=version)


def _is_gone(holder: str) -> bool:
    """Whether a holder ran on this machine and runs no more."""
    machine, _, pid = holder.rpartition("-")
    here, _, _ = identity().rpartition("-")
    return machine == here and pid.isdigit() and not process.runs(int(pid))
