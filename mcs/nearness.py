"""Nearness: how the slices of one member are written so that callers prefer their own cluster, if asked to.

Behind an IP of ours hints do it, where nodes have zones; else, and under the plain name, where Kubernetes
writes the member's own slices, those of other clusters stand by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container
from typing import NamedTuple

from mcs.api.service import Locality, ServiceTraits
from mcs.locality import Slices, by_cluster, by_zone, hints_at_nodes, hints_can_prefer
from mcs.locals import Locals
from mcs.names import SERVICE_NAME, SOURCE_CLUSTER, Service
from mcs.owned import SLICE_LABELS
from mcs.preference import preferred
from mcs.slices import Slice
from mcs.standby import Ready, Standing, called, need, ready, standing, standing_by
from policies.api.meta import Manifest


class Placed(NamedTuple):
    """Slices as they are to be."""

    slices: dict[str, Manifest]
    pause: float | None = None
    """Seconds until they may be to change though nothing else does."""


class Nearness:
    """Knows what is ready in one member, where its nodes are, and for how long something is not as it should
    be."""

    def __init__(self, cluster: str, locals_: Locals) -> None:
        self._cluster, self._locals = cluster, locals_
        self._unlike: dict[Service, dict[str, float]] = {}
        """By slice, since when it stands by, or does not, as it should not."""

    def knows_enough(self, service: Service, locality: Locality | None) -> bool:
        """Begin to watch what has to be known of the member; return whether it is.

        :param locality: what is preferred of the Service, if anything is
        """
        if locality is None:
            self.forget(service)
            return True
        self._locals.zones.want(service)
        return self._locals.zones.known

    def forget(self, service: Service) -> None:
        """Nothing is imported, or nobody prefers anything."""
        self._locals.zones.forget(service)
        self._unlike.pop(service, None)

    def behind_ip(self, service: Service, traits: ServiceTraits, slices: Slices) -> Placed:
        """Place those behind the derived Service. Of a headless Service callers choose themselves."""
        if traits.type == "Headless":
            return Placed(by_zone(self._cluster, slices, ""))
        locality, zones = preferred(traits), self._locals.zones.all()
        if locality is not None and zones is not None and hints_can_prefer(locality, zones):
            return Placed(by_cluster(self._cluster, slices, zones))
        hinted = self._by_zone(service, slices, traits.traffic_distribution)
        own = (each for each in slices.values() if _source(each) == self._cluster)
        return self._stood(service, hinted, ready(own), locality)

    def under_name(self, service: Service, traits: ServiceTraits, slices: Slices) -> Placed:
        """Place those under the plain name, beside endpoints of a Service that is not ours."""
        if traits.type == "Headless":
            return Placed(by_zone(self._cluster, slices, ""))
        live = self._locals.services.get(service)
        distribution = live["spec"].get("trafficDistribution") if live else traits.traffic_distribution
        hinted = self._by_zone(service, slices, distribution or "")
        return self._stood(service, hinted, self._ready_at_home(service), preferred(traits))

    def left(self, service: Service, locality: Locality | None, planned: Container[str]) -> Placed:
        """Place those of other clusters that are here, though nobody says right now what they are to be:
        while the host is away, or until it has heard of their clusters again."""
        here = self._locals.imported(service)
        rest = {
            name: piece
            for name, piece in here.items()
            if name not in planned and piece.source != self._cluster and SERVICE_NAME in piece.labels
        }
        behind = {name: _as_called(service, name, each) for name, each in rest.items() if not each.native}
        under = {name: _as_called(service, name, each) for name, each in rest.items() if each.native}
        own = (each.content for each in here.values() if each.source == self._cluster)
        hints_do = locality is not None and hints_can_prefer(locality, self._locals.zones.all())
        first = self._stood(service, behind, ready(own), None if hints_do else locality)
        second = self._stood(service, under, self._ready_at_home(service), locality)
        return Placed(first.slices | second.slices, soonest(first.pause, second.pause))

    def _by_zone(self, service: Service, slices: Slices, distribution: str) -> dict[str, Manifest]:
        at_home = (piece.content for piece in self._locals.endpoints(service).values())
        return by_zone(self._cluster, slices, distribution, by_node=hints_at_nodes(at_home))

    def _ready_at_home(self, service: Service) -> Ready:
        return ready(piece.content for piece in self._locals.endpoints(service).values())

    def _stood(self, service: Service, slices: Slices, local: Ready, locality: Locality | None) -> Placed:
        """Have those of other clusters stand by, as far as they are not needed."""
        if locality is None:
            return Placed(dict(slices))
        found, pauses = dict(slices), list[float | None]()
        here, now = self._locals.imported(service), asyncio.get_running_loop().time()
        since = self._unlike.setdefault(service, {})
        for name, manifest in slices.items():
            if _source(manifest) == self._cluster:
                continue
            held, needed = here.get(name), need(manifest, local, locality.min_local)
            if held is None or held.stands_by == needed.enough:  # on one that is new nobody relies yet
                since.pop(name, None)
                verdict = Standing(needed.enough)
            else:
                verdict = standing(held.stands_by, needed, now - since.setdefault(name, now))
            if verdict.by:
                found[name] = standing_by(manifest)
            pauses.append(verdict.pause)
        return Placed(found, soonest(*pauses))


def soonest(*pauses: float | None) -> float | None:
    return min((each for each in pauses if each is not None), default=None)


def _as_called(service: Service, name: str, piece: Slice) -> Manifest:
    labels = {key: piece.labels[key] for key in SLICE_LABELS if key in piece.labels}
    metadata = {"namespace": service[0], "name": name, "labels": called(labels)}
    return {"metadata": metadata, **piece.content}


def _source(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"][SOURCE_CLUSTER])
