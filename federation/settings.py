"""Settings of one controller process: made once, in `__main__`, and never changed."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field

NAMESPACE = "atoll-system"


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
