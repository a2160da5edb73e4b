"""The stage of a run: a fleet, the load that acts on it, and the watches that see what arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

from bench import fleet as fleets
from bench.controller import Controller, leading
from bench.fleet import Fleet
from bench.load import Answer, Loader, Order
from bench.manifests import BINDINGS, DEPLOYMENTS, FIRST_IMAGE, POLICIES, policy
from bench.sightings import Moments, Sightings, watching
from bench.writes import Ledger
from federation.kube.api import Api
from federation.kube.resources import Resource

_DEADLINE = 300.0
"""Seconds for one burst to arrive everywhere."""


def _nothing() -> None:
    """Check nothing: no controller runs."""


class Scale(NamedTuple):
    """How much is done, and how long to wait."""

    objects: int
    rounds: int
    samples: int
    """Single updates on each side."""
    quiet: float
    """Seconds without a write after which a scenario is over: longer than anything is put off."""
    idle: float


class Seen(NamedTuple):
    """What became of an order: the load's answer, and when each member showed each object."""

    answer: Answer
    moments: Moments

    @property
    def seconds(self) -> float:
        """From the first request to the last watch event."""
        return max(self.moments.values()) - self.answer.began


@dataclass
class Stage:
    fleet: Fleet
    loader: Loader
    sightings: Sightings
    ledger: Ledger
    scale: Scale
    concurrency: int = 16
    """Of the load, on both sides."""
    profile: Path | None = None
    """Where controllers leave their profiles."""
    check: Callable[[], object] = _nothing
    """Raises when it makes no sense to wait any longer."""
    images: count[int] = field(default_factory=lambda: count(2))

    async def order(
        self,
        verb: str,
        namespace: str,
        names: Sequence[str],
        image: str,
        *,
        bare: bool,
        seconds: float = _DEADLINE,
    ) -> Seen:
        """Have the load create or update and wait until every member shows it; `bare`: it serves them."""
        expected = self.sightings.expect(namespace, names, image)
        members = tuple(self.fleet.members) if bare else ()
        order = Order(verb, namespace, tuple(names), image, self.concurrency, members)
        return Seen(await self.loader.order(order), await expected.all(seconds, self.check))

    async def tell(self, verb: str, namespace: str, names: Sequence[str], image: str) -> None:
        """Have the load do what no member is to see."""
        await self.loader.order(Order(verb, namespace, tuple(names), image, self.concurrency))

    def next_image(self) -> str:
        """Return an image that no object has had."""
        return f"{FIRST_IMAGE.rpartition(':')[0]}:{next(self.images)}.0"

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[Controller]:
        """Have a controller run and lead; its end ends every wait."""
        async with leading(self.fleet, self.profile) as controller:
            self.check = controller.memory
            try:
                yield controller
            finally:
                self.check = _nothing

    async def govern(self, namespace: str, *kinds: Resource) -> None:
        """Have Atoll place a namespace's Deployments and see a first one arrive: all its mirrors run then."""
        await self.fleet.host.create(POLICIES, policy(namespace, *kinds), manager="bench")
        await self.order("create", namespace, ["warm"], FIRST_IMAGE, bare=False)
        await self.ledger.settle(self.scale.quiet)

    async def clear(self, namespace: str) -> None:
        """Remove what a run made, while no controller runs."""
        host = self.fleet.host
        await _drop_bindings(host, namespace)
        await _drop(host, POLICIES.path(namespace))
        await asyncio.gather(*(_drop(api, DEPLOYMENTS.path(namespace)) for api in self.fleet.apis.values()))


@asynccontextmanager
async def staged(members: int, scale: Scale, profile: Path | None) -> AsyncIterator[Stage]:
    async with fleets.running(members) as fleet:
        loader = await Loader.start(fleet.kubeconfigs())
        try:
            async with watching(fleet) as sightings:
                yield Stage(fleet, loader, sightings, Ledger(fleet), scale, profile=profile)
        finally:
            await loader.stop()


def names(number: int) -> list[str]:
    return [f"web-{index:04}" for index in range(number)]


async def _drop(api: Api, path: str) -> None:
    await api.request("DELETE", path, timeout=120.0)


async def _drop_bindings(host: Api, namespace: str) -> None:
    """Delete the bindings of a namespace past their finalizer."""
    body = {"metadata": {"finalizers": None}}
    async for page, _ in host.list(BINDINGS, namespace=namespace, metadata_only=True):
        await asyncio.gather(
            *(host.patch(BINDINGS, b["metadata"]["name"], namespace, body, manager="bench") for b in page)
        )
    await _drop(host, BINDINGS.path(namespace))
