"""What a sandbox asks of those who run its clusters: programs on this machine (`local`), or kind (`kind`)."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from federation.sandbox.kubeconfig import Kubeconfig
from federation.sandbox.plane import Plane


class Component(NamedTuple):
    """One running or stopped part of a cluster."""

    cluster: str
    name: str
    pid: int | None
    """None where it does not run or is no process of this machine's user."""
    state: str
    """Running or Stopped."""
    url: str
    memory: int | None
    """Resident bytes."""


class Clusters(Protocol):
    """Runs the clusters of one sandbox."""

    def prepare(self) -> None:
        """Check or make what every cluster needs, before several start at the same time."""

    def start(self, plane: Plane) -> Kubeconfig:
        """Create the cluster, or start what of it does not run; returns its administrator's kubeconfig.

        The context has the name of the plane. When it returns, the cluster serves its role.
        """

    def stop(self, plane: Plane) -> None:
        """An outage on purpose: nothing of the cluster answers, and nothing is lost."""

    def remove(self, plane: Plane) -> None:
        """Stop at once; what is stored is not needed any more."""

    def components(self, plane: Plane) -> list[Component]:
        """The parts of the cluster, whether they run or not."""

    def log_command(self, plane: Plane, component: str, follow: bool) -> list[str]:
        """The command line that prints the component's log."""

    def webhook_address(self) -> str:
        """The address at which API servers of this provider reach a server on this machine."""
