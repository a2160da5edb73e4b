"""Incarnation: one life of the controller under test, from its start to its death."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from federation.app import Federation
from federation.kube.config import from_dict
from federation.metrics import Metrics
from federation.settings import Settings
from tests.crash.tap import Tap, TappedApi
from tests.crash.world import World


class Violation(AssertionError):
    """A perturbed run did not end as it should."""


@dataclass
class Incarnation:
    """One life of the controller."""

    world: World
    tap: Tap
    _api: TappedApi | None = None
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._api = TappedApi(await from_dict(self.world.kubeconfigs["host"]), "host", self.tap)
        await self._api.__aenter__()
        federation = Federation(
            self._api, self.world.host_id, Settings(identity="crash"), Metrics(), self._connect
        )
        self._task = asyncio.create_task(federation.run())

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
