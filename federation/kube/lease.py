"""Leadership by a Lease: at most one holder works at a time.

Clocks of different machines are never compared: a foreign lease has run out when this process has seen no
change of it for its duration. The holder stops after `renew_deadline` without a renewal, before anyone else
may take over after `duration`. https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from .api import Api
from .errors import ApiError, Conflict, LeaseLost, NotFound
from .resources import Manifest, Resource

log = logging.getLogger(__name__)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
MANAGER = "lease"


class Lease:
    """One candidate. Give it an Api of its own, so that renewals never queue behind other calls.

    `identity` must be unique to this process: two with one identity would both believe they hold the lease.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        name: str,
        identity: str,
        duration: float = 15,
        renew_deadline: float = 10,
        retry_period: float = 2,
    ) -> None:
        assert retry_period < renew_deadline < duration, "a holder must stop before another may begin"
        self._api, self._path = api, LEASES.path(namespace, name)
        self._namespace, self._name, self.identity = namespace, name, identity
        self._duration, self._renew_deadline, self._retry_period = duration, renew_deadline, retry_period
        self._renewed = -math.inf  # time.monotonic() before the last renewal was sent
        self._held: Manifest | None = None  # the lease as we last wrote it
        self._seen: tuple[str, float] = (
            "",
            0.0,
        )  # a foreign lease's resourceVersion, and since when we know it

    @property
    def held(self) -> bool:
        """Whether this process may write now; true by the clock alone, even if the loop was stuck."""
        return self._held is not None and time.monotonic() < self._renewed + self._renew_deadline

    async def free(self) -> bool:
        """Look once whether a candidate could take it now; a silent holder must be watched until it runs out.

        :raises ApiError: there was no answer
        """
        try:
            return self._is_free(await self._api.request("GET", self._path, resource=LEASES))
        except NotFound:
            return True

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease, hold it while `work` runs, give it back when that ends or this is cancelled.

        :raises LeaseLost: it could not be renewed in time or was taken; `work` was cancelled and has ended
        """
        await self._acquire()
        log.info("%s leads by lease %s/%s", self.identity, self._namespace, self._name)
        try:
            await self._while_held(work)
        except LeaseLost:
            self._held = None
            raise
        finally:
            await self._release()

    async def _acquire(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._renew_deadline):
                    if await self._try_to_take():
                        return
            except Conflict:
                log.debug("lease %s/%s: another candidate was faster", self._namespace, self._name)
            except (ApiError, TimeoutError) as error:
                log.warning("lease %s/%s: %s", self._namespace, self._name, error or "no answer in time")
            await asyncio.sleep(self._retry_period)

    async def _try_to_take(self) -> bool:
        try:
            lease = await self._api.request("GET", self._path, timeout=self._renew_deadline / 2)
        except NotFound:
            lease = {"apiVersion": LEASES.api_version, "kind": LEASES.kind}
            lease["metadata"] = {"namespace": self._namespace, "name": self._name}
            await self._write("POST", LEASES.path(self._namespace), lease, self._term(None))
            return True
        if not self._is_free(lease):
            return False
        await self._write("PUT", self._path, lease, self._term(lease["spec"]))
        return True

    def _is_free(self, lease: Manifest) -> bool:
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") in (None, "", self.identity):
            return True
        version, now = lease["metadata"]["resourceVersion"], time.monotonic()
        if self._seen[0] != version:
            self._seen = version, now
        duration: float = spec.get("leaseDurationSeconds") or self._duration
        return now - self._seen[1] >= duration

    async def _while_held(self, work: Callable[[], Awaitable[None]]) -> None:
        working = asyncio.ensure_future(work())
        renewing = asyncio.create_task(self._keep_renewing(), name=f"renew {self._name}")
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            working.cancel()
            renewing.cancel()
            await asyncio.wait({working, renewing})
        if not working.cancelled() and (error := working.exception()) is not None:
            log.error("%s: the work under the lease failed", self.identity, exc_info=error)
        for task in (renewing, working):
            if not task.cancelled():
                task.result()

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(self._retry_period)
            left = self._renewed + self._renew_deadline - time.monotonic()
            try:
                async with asyncio.timeout(max(0.0, left)):
                    await self._renew()
            except TimeoutError as error:
                where = f"lease {self._namespace}/{self._name}"
                raise LeaseLost(f"{where} was not renewed for {self._renew_deadline:g} s") from error

    async def _renew(self) -> None:
        while True:
            assert self._held is not None
            try:
                await self._write("PUT", self._path, self._held, self._term(self._held["spec"]))
                return
            except (Conflict, NotFound):
                await self._look_again()
            except ApiError as error:
                log.warning("renewing lease %s/%s: %s", self._namespace, self._name, error)
                await asyncio.sleep(self._retry_period)

    async def _look_again(self) -> None:
        """Someone touched the lease: go on from what is stored if it is still ours."""
        try:
            lease = await self._api.request("GET", self._path, timeout=self._renew_deadline / 2)
        except NotFound as error:
            raise LeaseLost(f"lease {self._namespace}/{self._name} was deleted") from error
        except ApiError as error:
            log.warning("reading lease %s/%s: %s", self._namespace, self._name, error)
            await asyncio.sleep(self._retry_period)
            return
        holder = (lease.get("spec") or {}).get("holderIdentity")
        if holder != self.identity:
            raise LeaseLost(f"lease {self._namespace}/{self._name} was taken by {holder or 'nobody'}")
        self._held = lease

    async def _release(self) -> None:
        """Let the next candidate begin at once; if that can't be said, the lease runs out by itself."""
        if self._held is None:
            return
        lease, self._held = self._held, None
        spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
        try:
            await self._put("PUT", self._path, lease, spec)
        except ApiError as error:
            log.warning("lease %s/%s was not given back: %s", self._namespace, self._name, error)

    def _term(self, former: dict[str, Any] | None) -> dict[str, Any]:
        """The spec that says we hold the lease now; a change of holder begins a term and is counted."""
        now, former = _now(), former or {}
        spec = {"holderIdentity": self.identity, "leaseDurationSeconds": math.ceil(self._duration)}
        if former.get("holderIdentity") == self.identity:
            return {**former, **spec, "renewTime": now}
        transitions = former.get("leaseTransitions", -1) + 1
        return {**former, **spec, "acquireTime": now, "renewTime": now, "leaseTransitions": transitions}

    async def _write(self, method: str, path: str, lease: Manifest, spec: dict[str, Any]) -> None:
        sent = time.monotonic()
        self._held = await self._put(method, path, lease, spec)
        self._renewed = sent

    async def _put(self, method: str, path: str, lease: Manifest, spec: dict[str, Any]) -> Manifest:
        query, timeout = {"fieldManager": MANAGER}, self._renew_deadline / 2
        body = {**lease, "spec": spec}
        return await self._api.request(method, path, query=query, body=body, timeout=timeout, resource=LEASES)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
