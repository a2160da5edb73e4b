"""News: what happened to a run between two of its statuses, in the words of Events."""

from __future__ import annotations

from typing import Literal, NamedTuple

from policies.api.rollout import Phase, RolloutStatus


class News(NamedTuple):
    """One thing that happened."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


_BEGINNINGS: dict[Phase, tuple[Literal["Normal", "Warning"], str]] = {
    "Baking": ("Normal", "BakeStarted"),
    "AwaitingApproval": ("Normal", "AwaitingApproval"),
    "Paused": ("Normal", "Paused"),
    "Halted": ("Warning", "Halted"),
    "RollingBack": ("Warning", "RollbackStarted"),
    "RolledBack": ("Normal", "RollbackCompleted"),
    "Completed": ("Normal", "Completed"),
    "Superseded": ("Normal", "Superseded"),
    "Cancelled": ("Normal", "Cancelled"),
}


def news(before: RolloutStatus, after: RolloutStatus, units: str = "pods") -> list[News]:
    """Return what a person who follows the run wants to be told, the earliest first.

    :param units: what the run counts.
    """
    told = [*_progress(before, after, units), *_clusters(before, after)]
    if before.phase == "Paused" and after.phase not in ("Paused", "Halted"):
        told.append(News("Normal", "Resumed", f"step {after.step} goes on"))
    if after.phase != before.phase and after.phase in _BEGINNINGS:
        kind, reason = _BEGINNINGS[after.phase]
        told.append(News(kind, reason, f"{after.reason}: {after.message}"))
    return told


def _progress(before: RolloutStatus, after: RolloutStatus, units: str) -> list[News]:
    """Tell a step that begins, and a wave; both at once in one Event, since there may be many."""
    wave = _wave(before, after)
    if after.current_step != before.current_step:
        name = f" ({after.steps[-1].name})" if after.steps and after.steps[-1].name else ""
        step = f"step {after.step}{name}: {after.target} of {after.replicas} {units} at the new revision"
        return [News("Normal", "StepStarted", f"{step}; {wave}" if wave else step)]
    return [News("Normal", "WavePermitted", wave)] if wave else []


def _wave(before: RolloutStatus, after: RolloutStatus) -> str:
    """Say which clusters were permitted more; empty when none was."""
    known = {cluster.name: cluster.permitted for cluster in before.clusters}
    more = [
        f"{cluster.name} {known.get(cluster.name, 0)} to {cluster.permitted}"
        for cluster in after.clusters
        if cluster.state == "Releasing" and cluster.permitted > known.get(cluster.name, 0)
    ]
    return f"permitted in {', '.join(more)}" if more else ""


def _clusters(before: RolloutStatus, after: RolloutStatus) -> list[News]:
    known = {cluster.name: cluster.left_out for cluster in before.clusters}
    told = []
    for cluster in after.clusters:
        left_out = known.get(cluster.name, "")
        if cluster.left_out and not left_out:
            told.append(News("Warning", "ClusterSkipped", f"{cluster.name} is left out: {cluster.left_out}"))
        if left_out and not cluster.left_out:
            told.append(News("Normal", "ClusterCaughtUp", f"{cluster.name} is taken in again"))
    return told
