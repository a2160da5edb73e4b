"""Settings of one controller process: made once, in `__main__`, and never changed."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field

NAMESPACE = "atoll-system"
LEASE = "atoll-controller"
"""The name of the Lease in it whose holder leads."""


def identity() -> str:
    """Name this process among its replicas: the pod's name where there is one."""
    return f"{os.environ.get('POD_NAME') or socket.gethostname()}-{os.getpid()}"


@dataclass(frozen=True)
class Webhook:
    """Where the admission webhooks listen, and with which certificate (PEM files)."""

    port: int
    certificate: str
    key: str
    address: str = "127.0.0.1"


@dataclass(frozen=True)
class Staleness:
    """When endpoints of a cluster that can't be reached are left out by others; all in seconds."""

    renew: float = 10.0
    """Between two signs of life of a cluster's agent: writes of its Lease."""
    silent: float = 60.0
    """Without any, its endpoints are left out."""
    frozen: float = 300.0
    """While its agent gives them, but does not reach its cluster, they are left out as late as this."""
    grace: float = 5.0
    """For so long an observer may be cut off itself without all time beginning anew."""

    def __post_init__(self) -> None:
        """:raises ValueError: a sign that comes late would be taken for none."""
        if not 0 < self.grace <= 3 * self.renew <= self.silent <= self.frozen:
            raise ValueError(
                f"a sign of life every {self.renew:g} s, silent after {self.silent:g} s, frozen after "
                f"{self.frozen:g} s: silence must be three times the first or more, and no longer than frozen"
            )


STALENESS = Staleness()


@dataclass(frozen=True)
class Losses:
    """When many Services that lose all endpoints of a cluster are held; all in seconds."""

    gather: float = 1.0
    """For so long a loss waits for others that come with it."""
    window: float = 10.0
    """Over which losses count together."""
    hold: float = 30.0
    """For so long they are held before the host is asked again."""


LOSSES = Losses()


@dataclass(frozen=True)
class Evictions:
    """When workloads leave clusters that fail, and how many."""

    grace: float = 40.0
    """Seconds for which a cluster may be not ready until its taints evict."""
    rate: float = 0.5
    """Workloads that leave one cluster, a second."""
    brake: float = 0.55
    """The share of clusters that are not ready above which nothing leaves any, from 0 to 1."""

    def __post_init__(self) -> None:
        """:raises ValueError: a value is out of its range"""
        if self.grace < 0 or self.rate <= 0 or not 0 <= self.brake <= 1:
            raise ValueError(
                f"grace {self.grace:g} s, {self.rate:g} evictions a second, brake at {self.brake:g}: the "
                "grace must not be negative, the rate greater than 0, the brake a share from 0 to 1"
            )


EVICTIONS = Evictions()


@dataclass(frozen=True)
class Settings:
    kubeconfig: str | None = None
    context: str | None = None
    host_id: str = ""
    """Overrides the id derived from the host's kube-system namespace."""
    identity: str = field(default_factory=identity)
    metrics_port: int = 8080
    metrics_address: str = "127.0.0.1"
    webhook: Webhook | None = None
    host_in_flight: int = 64
    """Requests in flight to the host's API server at most."""
    member_in_flight: int = 16
    """Requests in flight to one member's API server at most."""
    workers: int = 16
    """Reconciles at the same time, for schedule and observe; apply has as many for each member."""
    staleness: Staleness = STALENESS
    evictions: Evictions = EVICTIONS
