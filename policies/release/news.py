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


def news(before: RolloutStatus, after: RolloutStatus) -> list[News]:
    """Return what a person who follows the run wants to be told, the earliest first."""
    told = [*_steps(before, after), *_clusters(before, after)]
    if before.phase == "Paused" and after.phase not in ("Paused", "Halted"):
        told.append(News("Normal", "Resumed", f"step {after.step} goes on"))
    if after.phase != before.phase and after.phase in _BEGINNINGS:
        kind, reason = _BEGINNINGS[after.phase]
        told.append(News(kind, reason, f"{after.reason}: {after.message}"))
    return told


def _steps(before: RolloutStatus, after: RolloutStatus) -> list[News]:
    if after.current_step == before.current_step:
        return []
    name = f" ({after.steps[-1].name})" if after.steps and after.steps[-1].name else ""
    wanted = f"{after.target} of {after.replicas} pods at the new revision"
    return [News("Normal", "StepStarted", f"step {after.step}{name}: {wanted}")]


def _clusters(before: RolloutStatus, after: RolloutStatus) -> list[News]:
    known = {cluster.name: cluster for cluster in before.clusters}
    waves, told = [], []
    for cluster in after.clusters:
        former = known.get(cluster.name)
        permitted = former.permitted if former else 0
        if cluster.state == "Releasing" and cluster.permitted > permitted:
            waves.append(f"{cluster.name} {permitted} to {cluster.permitted}")
        left_out = former.left_out if former else ""
        if cluster.left_out and not left_out:
            told.append(News("Warning", "ClusterSkipped", f"{cluster.name} is left out: {cluster.left_out}"))
        if left_out and not cluster.left_out:
            told.append(News("Normal", "ClusterCaughtUp", f"{cluster.name} is taken in again"))
    if waves:
        told.append(News("Normal", "WavePermitted", f"pods of the new revision: {', '.join(waves)}"))
    return told
