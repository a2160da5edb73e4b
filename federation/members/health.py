"""What a probe of a member found, and what the Cluster's status says of it."""

from __future__ import annotations

from dataclasses import dataclass

from federation.kube.errors import ApiError, StatusError, Unauthorized, Unreachable
from federation.kube.resources import Manifest
from policies.observation import Status

NOT_READY_TAINT = "federation.atoll.dev/not-ready"
UNREACHABLE_TAINT = "federation.atoll.dev/unreachable"


@dataclass(frozen=True, slots=True)
class Health:
    """The last finding about a member. `reason` and `message` are those of its Ready condition."""

    ready: bool
    reason: str
    message: str


UNKNOWN = Health(False, "NotProbed", "the controller has not reached this cluster yet")
HEALTHY = Health(True, "ClusterReady", "the API server answers /readyz and its watches are open")


def failed(error: ApiError) -> Health:
    """Judge a member by the error of its probe."""
    if isinstance(error, Unauthorized):
        return Health(
            False, "Unauthorized", "the member refuses our credentials; run `atoll join` again to renew them"
        )
    if isinstance(error, Unreachable):
        return Health(False, "Unreachable", f"no connection to the API server: {error}")
    if isinstance(error, StatusError) and error.code == 403:
        return Health(
            False, "Forbidden", f"the member's role does not suffice; run `atoll join` again: {error}"
        )
    return Health(False, "NotHealthy", f"the API server is not ready: {error}")


def readiness(health: Health) -> Status:
    """Return the status of the Ready condition: Unknown while the member can't be reached (as for a Node)."""
    return "True" if health.ready else "Unknown" if health.reason == "Unreachable" else "False"


def taint_for(health: Health) -> str | None:
    """Return the key of the NoSchedule taint that a member in this state carries."""
    if health.ready:
        return None
    return UNREACHABLE_TAINT if health.reason == "Unreachable" else NOT_READY_TAINT


def summarize_nodes(nodes: list[Manifest]) -> tuple[int, int, dict[str, int]]:
    """Return (nodes, ready nodes, allocatable of the ready ones: cpu in millicores, memory in bytes,
    pods).
    """
    ready, allocatable = 0, {"cpu": 0, "memory": 0, "pods": 0}
    for node in nodes:
        status = node.get("status", {})
        conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
        if conditions.get("Ready") != "True":
            continue
        ready += 1
        for name, unit in (("cpu", 1000), ("memory", 1), ("pods", 1)):
            allocatable[name] += int(quantity(status.get("allocatable", {}).get(name, "0")) * unit)
    return len(nodes), ready, allocatable


_SUFFIXES = {
    "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip


def quantity(text: str | int) -> float:
    """Return the value of a Kubernetes quantity (API convention: `resource.Quantity`)."""
    text = str(text)
    for suffix in (text[-2:], text[-1:]):
        if suffix in _SUFFIXES:
            return float(text[: -len(suffix)]) * _SUFFIXES[suffix]
    return float(text)
