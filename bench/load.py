"""The load, in a process of its own: `python -m bench.load`, driven by lines of JSON.

It is the user of the host in every run. Told to serve members as well, it is the bare loop: each Deployment
that the host accepted is applied to every member at once by server-side apply, with no control layer in
between. The first line says where the clusters are, each later one is an Order; each is answered by one line.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import uvloop

from bench.manifests import DEPLOYMENTS, deployment, image_patch
from federation.kube.api import Api
from federation.kube.config import from_file
from federation.kube.resources import Manifest

USER = "bench"
_STRATEGIC = "application/strategic-merge-patch+json"
_CONNECTIONS = 256
"""Requests in flight to one API server at most: more than any order asks for."""


@dataclass(frozen=True)
class Order:
    """What to do on the host with Deployments of a namespace, `concurrency` at a time."""

    verb: str
    """create, update (its image), reapply (the same again), touch (its status), pass (nothing there)"""
    namespace: str
    names: tuple[str, ...]
    image: str
    concurrency: int
    members: tuple[str, ...] = ()
    """Where the bare loop applies them as well."""


@dataclass(frozen=True)
class Answer:
    """Moments in seconds of the system's monotonic clock, which all processes share."""

    began: float
    """Of the first request."""
    answered: dict[str, float]
    """Of the host's response, by name."""


class Load:
    """Carries out orders over connections to all clusters."""

    def __init__(self, apis: dict[str, Api]) -> None:
        self._apis, self._host = apis, apis["host"]
        self._verbs: dict[str, Callable[[Order, str], Awaitable[Manifest]]] = {
            "create": self._create,
            "update": self._update,
            "reapply": self._reapply,
            "touch": self._touch,
            "pass": self._pass,
        }

    async def carry_out(self, order: Order) -> Answer:
        answered: dict[str, float] = {}
        names = iter(order.names)

        async def work() -> None:
            for name in names:
                await self._verbs[order.verb](order, name)
                answered[name] = time.monotonic()
                await self._apply(order, name)

        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(min(order.concurrency, len(order.names))):
                group.create_task(work())
        return Answer(began, answered)

    async def _apply(self, order: Order, name: str) -> None:
        if not order.members:
            return
        manifest = deployment(name, order.namespace, order.image)
        async with asyncio.TaskGroup() as group:
            for member in order.members:
                group.create_task(self._apis[member].apply(DEPLOYMENTS, manifest, manager=USER))

    async def _create(self, order: Order, name: str) -> Manifest:
        manifest = deployment(name, order.namespace, order.image)
        return await self._host.create(DEPLOYMENTS, manifest, manager=USER)

    async def _update(self, order: Order, name: str) -> Manifest:
        return await self._host.patch(
            DEPLOYMENTS,
            name,
            order.namespace,
            image_patch(order.image),
            manager=USER,
            content_type=_STRATEGIC,
        )

    async def _reapply(self, order: Order, name: str) -> Manifest:
        """Apply the same under another name: the stored object changes, in its managedFields only."""
        manifest = deployment(name, order.namespace, order.image)
        return await self._host.apply(DEPLOYMENTS, manifest, manager=f"{USER}-again")

    async def _touch(self, order: Order, name: str) -> Manifest:
        body = {"status": {"collisionCount": 1}}
        return await self._host.patch(
            DEPLOYMENTS, name, order.namespace, body, manager=USER, subresource="status"
        )

    async def _pass(self, order: Order, name: str) -> Manifest:
        """Leave the host alone: only members are served."""
        return {}


class Loader:
    """The bench's end of the line to a Load process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, kubeconfigs: dict[str, str]) -> Loader:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.load", stdin=pipe, stdout=pipe, limit=2**24
        )
        loader = cls(process)
        await loader._ask(kubeconfigs)
        return loader

    @property
    def pid(self) -> int:
        return self._process.pid

    async def order(self, order: Order) -> Answer:
        return Answer(**await self._ask(asdict(order)))

    async def stop(self) -> None:
        """Close its input: it ends by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(orjson.dumps(question) + b"\n")
        if not (line := await self._process.stdout.readline()):
            raise RuntimeError("the load process ended; its error is above")
        answer: dict[str, Any] = orjson.loads(line)
        return answer


async def _serve() -> None:
    """Read orders from the standard input until it ends."""
    lines = asyncio.StreamReader(limit=2**24)
    protocol = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    async with AsyncExitStack() as stack:
        kubeconfigs = orjson.loads(await lines.readline())
        apis = {
            name: await stack.enter_async_context(Api(await from_file(path), in_flight=_CONNECTIONS))
            for name, path in kubeconfigs.items()
        }
        load = Load(apis)
        _say({})
        while line := await lines.readline():
            order = orjson.loads(line)
            _say(asdict(await load.carry_out(Order(**order))))


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    gc.set_threshold(50_000, 50, 100)
    uvloop.run(_serve())
