"""The kinds that can be released in steps."""

from __future__ import annotations

from collections.abc import Mapping

from policies.workloads import daemonset_driver, deployment_driver, statefulset_driver
from policies.workloads.driver import Driver

_DRIVERS: Mapping[tuple[str, str], Driver] = {
    ("apps", "Deployment"): deployment_driver,
    ("apps", "StatefulSet"): statefulset_driver,
    ("apps", "DaemonSet"): daemonset_driver,
}
KINDS = tuple(f"{kind} ({group})" for group, kind in _DRIVERS)
"""What people call them."""


def of(group: str, kind: str) -> Driver | None:
    """Return how a kind is released in steps; None for a kind that can't be."""
    return _DRIVERS.get((group, kind))


def required(group: str, kind: str) -> Driver:
    """The same, where a release of the kind is under way."""
    driver = of(group, kind)
    assert driver is not None, "only kinds with a driver are released in steps"
    return driver
