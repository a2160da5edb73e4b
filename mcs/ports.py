"""Ports: the union of what all clusters expose under one name, in the form that a Service can have. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mcs.api.cluster_export import ClusterExportSpec
from mcs.api.service import MAX_PORTS, ServicePort


class Ports(NamedTuple):
    """The ports of all, and what each does not contribute."""

    used: list[ServicePort]
    """Names are unique, and so is (protocol, number), as KEP-1645 wants it. A port without a name is alone:
    API servers refuse a Service that has it beside others."""
    excluded: dict[str, list[str]]
    """By cluster, the names of ports of its own that mean another port in `used`, or none."""


def united(exports: Iterable[ClusterExportSpec]) -> Ports:
    """Take the ports of one export after the other, the ones first that are to win.

    A port that can't be beside those already taken is left out. Its cluster must not be sent the callers of
    another port by the same name (KEP-1645; kube-proxy finds the ports of endpoints by name alone). One that
    differs in nothing but the application protocol is the same port to kube-proxy.
    """
    used: dict[str, ServicePort] = {}
    numbers: set[tuple[str, int]] = set()
    excluded: dict[str, list[str]] = {}
    for export in exports:
        lost = excluded.setdefault(export.cluster, [])
        for port in export.service.ports:
            if port.name in used:
                if _number(used[port.name]) != _number(port):
                    lost.append(port.name)
            elif _number(port) in numbers or not _has_room(used, port):
                lost.append(port.name)
            else:
                used[port.name] = port
                numbers.add(_number(port))
    return Ports(list(used.values()), excluded)


def _has_room(used: dict[str, ServicePort], port: ServicePort) -> bool:
    named = bool(port.name) and "" not in used
    return not used or (named and len(used) < MAX_PORTS)


def _number(port: ServicePort) -> tuple[str, int]:
    return port.protocol, port.port
