"""Which IP families the Services of a member can have.

The Service `kubernetes` has one, also where the cluster has two; its ServiceCIDRs say it since 1.33.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

from federation.kube.errors import Forbidden, NotServed
from federation.kube.resources import Resource
from mcs.locals import Locals
from mcs.resources import SERVICES

_NAME = "kubernetes"
"""Of the ServiceCIDR that a cluster begins with, and of the Service that it is for (KEP-1880)."""
_SERVICE_CIDRS = Resource("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", False)


class Families:
    """The families of one member, the preferred one first.

    They are asked for once: who gives a cluster another one starts its API server and all nodes anew, and the
    agent with them.
    """

    def __init__(self, locals_: Locals) -> None:
        self._locals = locals_
        self._known: tuple[str, ...] = ()
        self._asking = asyncio.Lock()

    async def __call__(self) -> tuple[str, ...]:
        """Return them.

        :raises ApiError: the member gave no answer
        """
        async with self._asking:
            self._known = self._known or await self._ask()
        return self._known

    async def _ask(self) -> tuple[str, ...]:
        api = self._locals.api
        try:
            found = await api.get(_SERVICE_CIDRS, _NAME)
        except (NotServed, Forbidden):  # before 1.33
            service = await api.get(SERVICES, _NAME, "default")
            return tuple(service["spec"].get("ipFamilies") or ("IPv4",))
        return tuple(f"IPv{ip_network(each).version}" for each in found["spec"]["cidrs"])
