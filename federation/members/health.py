"""What a probe of a member found, and what the Cluster's status says of it."""

from __future__ import annotations

from dataclasses import dataclass

from federation.kube.errors import ApiError, StatusError, Unauthorized, Unreachable
from policies.eviction import NOT_READY_TAINT, UNREACHABLE_TAINT
from policies.observation import Status


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
    """Return the key of the taints that a member in this state carries."""
    if health.ready:
        return None
    return UNREACHABLE_TAINT if health.reason == "Unreachable" else NOT_READY_TAINT
