"""Workload: what the rest of the project asks of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from policies.api.meta import Manifest

Health = Literal["Healthy", "Progressing", "Unhealthy", "Unknown"]


class Copy(NamedTuple):
    """What is known of a template's copy in one target cluster."""

    live: Manifest | None
    """The projected object; None when the cluster has none, as far as is known."""
    current: bool
    """The cluster holds the present manifest."""
    reachable: bool
    """There is contact; without it `live` is the last that was seen."""


Copies = Mapping[str, Copy]


class Workload(Protocol):
    """One kind. `projected` is what `project` returned for a live object of a member."""

    def replicas(self, manifest: Manifest) -> int | None:
        """Return how many replicas a template or a projected copy asks for; None for a kind without."""

    def with_replicas(self, manifest: Manifest, replicas: int) -> Manifest:
        """Return a manifest that asks for so many replicas; the input stays as it is."""

    def project(self, live: Manifest) -> Manifest:
        """Return the part of a live object that health and roll-up read: equal as long as neither changes."""

    def health(self, projected: Manifest) -> Health:
        """Return how a copy fares. Unknown when nothing has reported on it, as where no controller runs."""

    def ready(self, projected: Manifest) -> int | None:
        """Return how many replicas are ready; None for a kind without, and when nothing has reported."""

    def roll_up(self, copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
        """Return the status the template should have.

        :param copies: one for every target cluster.
        :param generation: `metadata.generation` of the template that `current` speaks of.
        :param previous: the template's present status; fields and conditions that are not ours are kept.
        :param now: for timestamps of conditions that change, in RFC 3339.
        :return: the whole status, equal to `previous` when there is nothing to write; None when the kind has
            no status of ours, or no cluster has reported yet.
        """
