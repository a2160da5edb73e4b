"""The Atoll controller as it is run by everybody: `python -m federation`, a process of its own."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import psutil

from bench.fleet import HOST, Fleet
from bench.manifests import CLUSTERS
from federation.sandbox import ports
from federation.sandbox.process import Process

_START_DEADLINE = 60.0
_DEPTH = "atoll_workqueue_depth{"


class Controller:
    """One process, to be stopped and started again. Each life leaves a cProfile in the `profile` folder."""

    def __init__(self, fleet: Fleet, profile: Path | None = None) -> None:
        self._fleet, self._profile = fleet, profile
        self._process = Process(fleet.folder, "controller")
        self._port = ports.free(1)[0]

    async def start(self) -> float:
        """Start it and return the seconds until its /readyz says that it leads."""
        began = time.monotonic()
        self._process.start(self._arguments())
        await self._until_leading(began)
        return time.monotonic() - began

    async def stop(self) -> None:
        await asyncio.to_thread(self._process.stop, 30.0)

    async def clusters_ready(self) -> None:
        """Wait until every Cluster is Ready."""
        deadline = time.monotonic() + _START_DEADLINE
        for name in self._fleet.members:
            while not _is_ready(await self._fleet.host.get(CLUSTERS, name)):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"cluster {name} is not Ready.\n{self._process.tail(40)}")
                await asyncio.sleep(0.05)

    async def drained(self) -> float:
        """Wait until nothing waits for a worker; return when that was, by the monotonic clock."""
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"http://127.0.0.1:{self._port}/metrics") as answer:
                    lines = (await answer.text()).splitlines()
                if not any(float(line.rpartition(" ")[2]) for line in lines if line.startswith(_DEPTH)):
                    return time.monotonic()
                await asyncio.sleep(0.1)

    @property
    def pid(self) -> int:
        return self._running().pid

    def cpu(self) -> float:
        """Seconds of CPU it has used."""
        times = self._running().cpu_times()
        return times.user + times.system

    def memory(self) -> int:
        """Bytes of resident memory."""
        resident: int = self._running().memory_info().rss
        return resident

    def _arguments(self) -> list[str | Path]:
        module: list[str | Path] = ["federation"]
        if self._profile is not None:
            self._profile.mkdir(parents=True, exist_ok=True)
            module = ["bench.profiled", self._profile / f"controller-{time.time_ns()}.prof"]
        host = self._fleet.planes[HOST].kubeconfig_path
        return [
            sys.executable, "-m", *module, "--kubeconfig", host, "--context", HOST,
            "--metrics-port", str(self._port),
        ]  # fmt: skip

    async def _until_leading(self, began: float) -> None:
        async with aiohttp.ClientSession() as session:
            while time.monotonic() - began < _START_DEADLINE:
                with suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{self._port}/readyz") as answer:
                        if await answer.text() == "leading":
                            return
                self._running()
                await asyncio.sleep(0.02)
        raise RuntimeError(f"the controller does not lead.\n{self._process.tail(40)}")

    def _running(self) -> psutil.Process:
        if (process := self._process.running()) is None:
            raise RuntimeError(f"the controller ended.\n{self._process.tail(40)}")
        return process


@asynccontextmanager
async def leading(fleet: Fleet, profile: Path | None = None) -> AsyncIterator[Controller]:
    """A controller that leads and sees every member as Ready."""
    controller = Controller(fleet, profile)
    try:
        await controller.start()
        await controller.clusters_ready()
        yield controller
    finally:
        await controller.stop()


def _is_ready(cluster: dict[str, object]) -> bool:
    status = cluster.get("status")
    conditions = status.get("conditions", []) if isinstance(status, dict) else []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
