"""What a cluster of a sandbox is: its name, role, addresses and place in the world. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from federation.sandbox import ports

REGIONS = ("eu-west", "us-east", "ap-south")
ZONES = ("a", "b", "c")


class Role(StrEnum):
    """Which programs a cluster runs beside its API server."""

    HOST = "host"
    """kube-controller-manager without workload controllers: a Deployment makes no pods."""
    MEMBER = "member"
    """kube-controller-manager, kube-scheduler and kwok: Deployments run."""
    API_ONLY = "api-only"
    """Nothing else: objects are stored and watched, no more."""


@dataclass(frozen=True)
class Plane:
    """One cluster. `index` tells clusters of a sandbox apart in their addresses; the host's is 0."""

    name: str
    role: Role
    index: int
    etcd_port: int
    apiserver_port: int

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.apiserver_port}"

    @property
    def etcd_url(self) -> str:
        return f"https://127.0.0.1:{self.etcd_port}"

    @property
    def service_cidr(self) -> str:
        return f"172.{16 + self.index % 16}.0.0/16"

    @property
    def service_address(self) -> str:
        """The address of the Service `kubernetes`: the first of the range."""
        return f"172.{16 + self.index % 16}.0.1"

    @property
    def pod_cidr(self) -> str:
        return f"10.{self.index % 256}.0.0/16"

    @property
    def region(self) -> str:
        return REGIONS[(self.index - 1) % len(REGIONS)]

    @property
    def zones(self) -> list[str]:
        return [f"{self.region}-{zone}" for zone in ZONES]


def new_plane(name: str, role: Role, index: int) -> Plane:
    """A cluster with ports that are free now."""
    etcd_port, apiserver_port = ports.free(2)
    return Plane(name, role, index, etcd_port, apiserver_port)
