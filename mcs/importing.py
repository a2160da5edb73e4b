"""What a member imports of a Service: pure. Rules of KEP-1645; the numbers M1 to M11 are the design's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mcs.api.service_set import ServiceSetSpec
from mcs.names import Service
from mcs.slices import Slice
from policies.api.meta import Manifest


class Import(NamedTuple):
    """What is to be in a member for one ServiceSet, as far as it can be said without the server's answers."""

    service_import: Manifest
    """The ServiceImport to apply, without `spec.ips`."""
    derived: Manifest | None
    """The derived Service to apply, its owner reference aside; None for Headless."""
    slices: dict[str, Manifest]
    """EndpointSlices to apply by name, owner references aside."""


def imported(
    cluster: str,
    found: ServiceSetSpec,
    families: tuple[str, ...],
    remote: Mapping[str, Mapping[str, Slice]],
    own: Mapping[str, Slice],
) -> Import:
    """Decide what a cluster imports.

    :param families: the IP families that the cluster has, the first one preferred
    :param remote: by cluster, the slices on the host by name
    :param own: the cluster's own slices of the Service by name, as they are there; empty if it exports none
    """
    raise NotImplementedError


def key_of(found: ServiceSetSpec) -> Service:
    return found.namespace, found.name
