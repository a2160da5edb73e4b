"""Holding: endpoints that stay in a member while nobody's word says that they are gone. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mcs.slices import Slice

_MAX_ENDPOINTS = 1000
"""The API server takes no more in one slice."""


def held(host: Mapping[str, Slice], here: Mapping[str, Slice]) -> dict[str, Slice]:
    """Return a cluster's slices with the endpoints that only the member's copies of them have.

    What the host says of the others is followed, whether they are ready or came anew. One that moved to
    another slice is not held in the old one. Slices that the host lacks as a whole are no matter of this.

    :param host: what the host has of the cluster for one Service, by name
    :param here: what the member has for that Service, by the same names
    """
    known = {address for piece in host.values() for address in _addresses(piece)}
    return {name: _with_lost(piece, here.get(name), known) for name, piece in host.items()}


def _with_lost(piece: Slice, copy: Slice | None, known: set[str]) -> Slice:
    if copy is None or copy.content["addressType"] != piece.content["addressType"]:
        return piece
    lost = [each for each in copy.content["endpoints"] if known.isdisjoint(each["addresses"])]
    endpoints = [*piece.content["endpoints"], *lost][:_MAX_ENDPOINTS]
    return piece._replace(content=piece.content | {"endpoints": endpoints}) if lost else piece


def _addresses(piece: Slice) -> list[str]:
    return [address for endpoint in piece.content["endpoints"] for address in endpoint["addresses"]]
