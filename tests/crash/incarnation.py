"""Incarnation: one life of the controller under test, from its start to its death."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from federation.app import Federation
from federation.kube.config import from_dict
from federation.metrics import Metrics
from federation.settings import Settings
from mcs.app import Services
from tests.crash.tap import Tap, TappedApi
from tests.crash.world import World


class Violation(AssertionError):
    """A perturbed run did not end as it should."""


@dataclass
class Incarnation:
    """One life of the controller."""

    world: World
    tap: Tap
    services: bool = False
    """Whether it carries Services across clusters, too."""
    _api: TappedApi | None = None
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._api = TappedApi(await from_dict(self.world.kubeconfigs["host"]), "host", self.tap)
        await self._api.__aenter__()
        self._task = asyncio.create_task(self._run(self._api))

    async def _run(self, api: TappedApi) -> None:
        settings, host_id = Settings(identity="crash"), self.world.host_id
        services = Services(api)
        companion = services if self.services else None
        federation = Federation(api, host_id, settings, Metrics(), self._connect, companion)
        async with asyncio.TaskGroup() as group:
            if self.services:
                group.create_task(services.run())
            await federation.run()

    async def _connect(self, name: str, kubeconfig: dict[str, Any]) -> TappedApi:
        return TappedApi(await from_dict(kubeconfig), name, self.tap)

    def check(self) -> None:
        """Raise what ended the controller, if something did."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            raise Violation("the controller ended by itself") from self._task.exception()

    async def kill(self) -> None:
        """End all tasks; none gets an answer any more, so nothing is put in order on the way."""
        assert self._task is not None
        assert self._api is not None
        self.tap.dead = True
        self._task.cancel()
        _, alive = await asyncio.wait({self._task}, timeout=5)
        assert not alive, "the controller waits for an answer while it is being cancelled"
        await self._api.__aexit__(None, None, None)
        self.check()
