"""A run as people read it: one line for its progress, a table for its clusters."""

from __future__ import annotations

from federation.cli.rollout.columns import columns
from federation.cli.rollout.target import workload_of
from federation.cli.rollout.verbs import title
from policies.api.rollout import Rollout, RolloutCluster

_HEADER = ("CLUSTER", "STATE", "UPDATED", "READY", "PERMITTED", "TARGET", "REPLICAS", "UNAVAILABLE")
_FAILED_PODS = 5


def line(rollout: Rollout) -> str:
    """Return where a run stands, in one line that tells it from every other moment that matters."""
    status = rollout.status
    counts = (
        f"{status.updated}/{status.replicas} updated, {status.updated_ready} ready, "
        f"{status.permitted} permitted, {status.unavailable} unavailable"
    )
    step = f" {status.step}" if status.step else ""
    return f"{status.phase}{step}: {counts}" + (f": {status.message}" if status.message else "")


def table(rollout: Rollout) -> str:
    """Return all of a run: what it is, how it stands, and each cluster."""
    spec, status = rollout.spec, rollout.status
    what = f"{title(rollout)}: {spec.stable_revision} to {spec.target_revision} of {workload_of(rollout)}"
    of = f" step {status.step}{_name_of_step(rollout)}" if status.step else ""
    reason = f" ({status.reason})" if status.reason else ""
    head = [what, f"{status.phase}{of}{reason}" + (f": {status.message}" if status.message else "")]
    down = f"{status.unavailable} of at most {status.max_unavailable}"
    total = ("total", "", status.updated, status.updated_ready, status.permitted, status.target)
    rows = [_HEADER, *map(_row, status.clusters), (*total, status.replicas, down)]
    failed = [
        f"failed: pod {pod.pod} in cluster {pod.cluster}: {pod.reason}"
        for pod in status.failed_pods[:_FAILED_PODS]
    ]
    return "\n".join([*head, "", columns(rows), *failed])


def _name_of_step(rollout: Rollout) -> str:
    begun = rollout.status.steps
    return f" {begun[-1].name}" if begun and begun[-1].name else ""


def _row(cluster: RolloutCluster) -> tuple[object, ...]:
    state = cluster.left_out or cluster.state
    return (
        cluster.name,
        f"{state}, away" if cluster.away_since else state,
        cluster.updated,
        cluster.updated_ready,
        cluster.permitted,
        cluster.target,
        cluster.replicas,
        cluster.unavailable,
    )
