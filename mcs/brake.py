"""Brake: holds what would take away all endpoints of many Services that a cluster exports (M8). Pure: time is
an argument.

A cluster that exports a Service, says that all of it is on the host and has no EndpointSlice of it there any
more most likely has none; but a host that lost them looks the same. A few are believed, many are held, and
then only what the host says when it is asked again is believed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from enum import Enum
from math import inf
from typing import NamedTuple

from federation.settings import Losses
from mcs.api.service_set import ServiceSetSpec
from mcs.api.source_state import SourceStateSpec
from mcs.names import Service
from mcs.slices import Slice

BELIEVED = 20
"""So many Services of a cluster may lose all endpoints at once, and half of those that it exports."""


class State(Enum):
    """What becomes of a loss."""

    WAITING = "Waiting"
    CONFIRMED = "Confirmed"
    """The host said so when it was asked again."""
    BELIEVED = "Believed"


class Loss(NamedTuple):
    """That a cluster has no endpoints of a Service any more."""

    at: float
    state: State = State.WAITING


class Pause(NamedTuple):
    """For how long a removal has to wait."""

    seconds: float
    held: bool = False
    """Whether that is for the number of losses; if so, the host is to be asked after it."""


class Brake:
    """The losses that one member sees, by cluster.

    - `holds`: how often losses of a cluster were held
    """

    def __init__(self, limits: Losses) -> None:
        self._limits = limits
        self._losses: dict[str, dict[Service, Loss]] = {}
        self._until: dict[str, float] = {}
        self.holds: Counter[str] = Counter()

    def lost(self, source: str, service: Service, total: int, now: float) -> Pause | None:
        """Note that a cluster has no endpoints of a Service any more; return None if they are to be removed.

        Where losses in number are possible each waits a little, so that all that come together are counted.

        :param total: of how many Services there are endpoints of the cluster here, this one among them
        """
        losses = self._recent(source, now)
        loss = losses.setdefault(service, Loss(now))
        if loss.state is not State.WAITING:
            return None
        total += sum(loss.state is State.BELIEVED for loss in losses.values())
        if source not in self._until and _are_many(losses, total):
            self._until[source] = now + self._limits.hold
            self.holds[source] += 1
        if source in self._until:
            return Pause(max(self._until[source] - now, 0.0), held=True)
        if total > BELIEVED and now < loss.at + self._limits.gather:
            return Pause(loss.at + self._limits.gather - now)
        losses[service] = Loss(now, State.BELIEVED)
        return None

    def is_due(self, source: str, now: float) -> bool:
        """Whether the host is to be asked again for the endpoints of a cluster."""
        return now >= self._until.get(source, inf)

    def asked(self, source: str, present: Container[Service], now: float) -> None:
        """Take in what the host said: what is `present` there goes on being held, until a mirror has it."""
        losses = self._losses.get(source, {})
        for service, loss in losses.items():
            if loss.state is State.WAITING and service not in present:
                losses[service] = loss._replace(state=State.CONFIRMED)
        self._until[source] = now + self._limits.hold
        self._release(source)

    def settle(self, service: Service, back: Container[str], lost: Container[str]) -> None:
        """Forget the losses of a Service that are none any more.

        :param back: the clusters that have endpoints of it
        :param lost: those that have none, and whose endpoints are here
        """
        for source, losses in list(self._losses.items()):
            loss = losses.get(service)
            if loss is None:
                continue
            if source in back or (source not in lost and loss.state is not State.BELIEVED):
                del losses[service]
            self._release(source)

    def _recent(self, source: str, now: float) -> dict[Service, Loss]:
        """Return the losses of a cluster that count together."""
        losses = self._losses.setdefault(source, {})
        past = now - self._limits.window
        for service, loss in list(losses.items()):
            if loss.state is State.BELIEVED and loss.at < past:
                del losses[service]
        return losses

    def _release(self, source: str) -> None:
        losses = self._losses.get(source, {})
        if not any(loss.state is State.WAITING for loss in losses.values()):
            self._until.pop(source, None)
        if not losses:
            self._losses.pop(source, None)


def _are_many(losses: Mapping[Service, Loss], total: int) -> bool:
    """Whether losses are more than are believed; what the host confirmed needs no belief."""
    count = sum(loss.state is not State.CONFIRMED for loss in losses.values())
    return count > BELIEVED and 2 * count > total


def lost_by(
    cluster: str,
    found: ServiceSetSpec,
    here: Mapping[str, Slice],
    remote: Mapping[str, Mapping[str, Slice]],
    sources: Iterable[SourceStateSpec],
    missing: Container[str],
) -> frozenset[str]:
    """Name the clusters that export a Service and have no slice of it on the host, but some here.

    Not those of which that is not known, and not those whose endpoints go by another rule: they left, or give
    no sign of life.

    :param here: the slices of ours in the cluster by name
    :param remote: by cluster, the slices on the host by name
    :param missing: the clusters that give no sign of life
    """
    attached = {piece.source for piece in here.values()} - {cluster}
    known = {source.cluster for source in sources if source.synced and not source.left}
    exporting = {each.name for each in found.clusters}
    return frozenset(
        name for name in attached & known & exporting if name not in missing and not remote.get(name)
    )
