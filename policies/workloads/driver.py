"""Driver: what a batched release asks of a kind. One module for each kind that has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from policies.api.meta import Manifest


class Progress(NamedTuple):
    """Counts of pods in one cluster."""

    observed: bool
    """The kind's controller has seen the object as it is: the counts speak of it."""
    total: int
    ready: int
    updated: int
    """Pods of the template that the object has now."""
    updated_ready: int
    """Those of them that are ready, at least."""


class Driver(Protocol):
    """One kind. All fields are of the object's `spec`."""

    FIELDS: Sequence[str]
    """The fields a release takes over; at its end they are the template's again."""

    def hold(self, manifest: Manifest, updated: int) -> Manifest:
        """Return the fields that let `updated` pods be at the manifest's template, whatever happens."""

    def return_to(self, manifest: Manifest, max_unavailable: int) -> Manifest:
        """Return the fields that bring all pods to the manifest's template, so many down at a time."""

    def progress(self, projected: Manifest) -> Progress:
        """Count the pods of a projected copy."""
