"""What kube-proxy makes of EndpointSlices, of one port and IP family, as `pkg/proxy` has it (1.36)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.api.meta import Manifest


def called(slices: Iterable[Manifest], *, port: str = "http", zone: str = "z1", node: str = "n1") -> set[str]:
    """Return the addresses to which callers on a node are sent (`CategorizeEndpoints`)."""
    every = [each for one in slices if port in _ports(one) for each in one["endpoints"]]
    ready = [each for each in every if _says(each, "ready", True)]
    ending = [each for each in every if _says(each, "serving", True) and _says(each, "terminating", False)]
    return {each["addresses"][0] for each in (_near(ready, zone, node) if ready else ending)}


def _near(ready: list[Manifest], zone: str, node: str) -> list[Manifest]:
    """`topologyModeFromHints`: nodes first, then zones; every endpoint needs a hint, and one be for us."""
    for kind, name in (("forNodes", node), ("forZones", zone)):
        hints = [{each["name"] for each in (one.get("hints") or {}).get(kind, ())} for one in ready]
        if all(hints) and any(name in each for each in hints):
            return [one for one, each in zip(ready, hints, strict=True) if name in each]
    return ready


def _ports(one: Manifest) -> set[str]:
    return {port.get("name") or "" for port in one["ports"]}


def _says(endpoint: Mapping[str, Any], condition: str, unset: bool) -> bool:
    return bool((endpoint.get("conditions") or {}).get(condition, unset))
