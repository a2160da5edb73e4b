"""Verbs: what people want of a run, as a change of its spec and a line that says what happens next."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from federation.cli.rollout.target import workload_of
from federation.kube.api import Api, Manifest
from federation.kube.errors import ApiError, Conflict
from federation.resources import ROLLOUT
from policies.api.rollout import Rollout
from policies.release.telling import TERMINAL, named

MANAGER = "atoll-cli"
_TRIES = 10  # the controller writes the status of a run often while pods come and go


class Change(NamedTuple):
    """What a verb changes."""

    spec: Manifest
    """The fields of the spec that change; empty when it is as wished already."""
    said: str
    """What happens next."""


Verb = Callable[[Rollout], Change]


async def steer(api: Api, rollout: Rollout, verb: Verb) -> str:
    """Carry out a verb on a run as it is at that moment; return what happens next.

    :raises ApiError: the verb makes no sense there; nothing was changed.
    """
    name, namespace = rollout.metadata.name, rollout.metadata.namespace
    for _ in range(_TRIES):
        change = verb(rollout)
        if not change.spec:
            return change.said
        body = {"metadata": {"resourceVersion": rollout.metadata.resource_version}, "spec": change.spec}
        try:
            await api.patch(ROLLOUT, name, namespace, body, manager=MANAGER)
        except Conflict:
            rollout = Rollout.model_validate(await api.get(ROLLOUT, name, namespace))
            continue
        return change.said
    raise ApiError(f"{title(rollout)} changed {_TRIES} times while it was being written; try again")


def title(rollout: Rollout) -> str:
    """Name a run as errors and results do."""
    return f"rollouts/{rollout.metadata.name} in {rollout.metadata.namespace}"


def command(rollout: Rollout, verb: str, options: str = "") -> str:
    """Return the command line of a verb on the workload of a run."""
    return f"`atoll rollout {verb} {workload_of(rollout).words}{options}`"


def pause(rollout: Rollout) -> Change:
    _steerable(rollout, "pause")
    going_on = f"{command(rollout, 'resume')} goes on"
    if rollout.spec.paused:
        return Change({}, f"{title(rollout)} is paused already; {going_on}")
    return Change({"paused": True}, f"{title(rollout)} pauses: no further pods are released; {going_on}")


def resume(rollout: Rollout) -> Change:
    _steerable(rollout, "resume")
    if rollout.spec.paused:
        return Change({"paused": False}, f"{title(rollout)} goes on at step {rollout.status.step or '1'}")
    match rollout.status.phase:
        case "Halted":
            raise ApiError(
                f"{title(rollout)} is not paused but halted ({rollout.status.reason}); {_after_halt(rollout)}"
            )
        case "AwaitingApproval":
            raise ApiError(
                f"{title(rollout)} is not paused but waits for approval; {command(rollout, 'approve')} lets "
                "it go on"
            )
    return Change({}, f"{title(rollout)} is not paused; it is {rollout.status.phase}")


def approve(step: int | None) -> Verb:
    """Approve the step that waits for it, or with `step` all up to a later one beforehand."""

    def verb(rollout: Rollout) -> Change:
        _steerable(rollout, "approve")
        status = rollout.status
        wanted = status.current_step if step is None else step
        awaited = status.phase == "AwaitingApproval" and wanted == status.current_step
        if not awaited:
            _may_be_approved_early(rollout, step)
        if wanted <= rollout.spec.approved_step:
            return Change({}, f"{title(rollout)}: step {wanted} is approved already")
        if wanted > status.current_step:
            next_ = f"steps up to {wanted} need no further approval"
        elif wanted == status.total_steps:
            next_ = f"step {wanted} is approved: it was the last, and the release is completed"
        else:
            next_ = f"step {wanted} is approved: step {wanted + 1} of {status.total_steps} begins"
        return Change({"approvedStep": wanted}, f"{title(rollout)}: {next_}{_when_resumed(rollout)}")

    return verb


def _may_be_approved_early(rollout: Rollout, step: int | None) -> None:
    status = rollout.status
    if status.total_steps and step is not None and status.current_step < step <= status.total_steps:
        return
    if step is not None and step > status.total_steps:
        raise ApiError(f"{title(rollout)} has {status.total_steps} steps; there is no step {step} to approve")
    later = f"--step N approves steps that are yet to come, {status.current_step + 1} to {status.total_steps}"
    doing = f"{title(rollout)} is {status.phase} at step {status.current_step} of {status.total_steps}"
    if step is not None and step < status.current_step:
        raise ApiError(f"{doing}: step {step} is past and needs no approval; {later}")
    raise ApiError(f"{doing}, which does not wait for approval; {later}")


def promote(rollout: Rollout) -> Change:
    _steerable(rollout, "promote")
    if rollout.spec.promote:
        return Change({}, f"{title(rollout)} is promoted already{_when_resumed(rollout)}")
    return Change(
        {"promote": True},
        f"{title(rollout)} goes on to all {rollout.status.replicas} pods without further steps, bakes and "
        f"approvals, {rollout.status.max_unavailable} down at a time{_when_resumed(rollout)}",
    )


def retry(rollout: Rollout) -> Change:
    _steerable(rollout, "retry")
    if rollout.status.phase != "Halted":
        raise ApiError(f"{title(rollout)} is {rollout.status.phase}; only a halted run can be retried")
    tries = max(rollout.spec.retry, rollout.status.retries) + 1
    return Change(
        {"retry": tries},
        f"{title(rollout)} tries step {rollout.status.step} again; pods that failed have the time of new ones"
        + _when_resumed(rollout),
    )


def abort(rollback: bool) -> Verb:
    """Stop a run where it is, or return to the stable revision."""

    def verb(rollout: Rollout) -> Change:
        _under_way(rollout, "abort")
        if rollout.status.phase == "RollingBack" or rollout.spec.abort == "Rollback":
            if rollback:
                return Change({}, f"{title(rollout)} is on its way back to {rollout.spec.stable_revision}")
            raise ApiError(f"{title(rollout)} is rolling back: it ends once all clusters are back")
        if rollback:
            said = f"all clusters return to {rollout.spec.stable_revision}; {_see(rollout)}"
            return Change({"abort": "Rollback"}, f"{title(rollout)} rolls back: {said}")
        said = (
            f"{rollout.status.updated} of {rollout.status.replicas} pods stay at "
            f"{rollout.spec.target_revision}; {command(rollout, 'undo')} returns to the stable revision"
        )
        return Change({"abort": "Stop"}, f"{title(rollout)} stops: {said}")

    return verb


def skip_cluster(cluster: str, undo: bool) -> Verb:
    """Leave a cluster out, or no longer."""

    def verb(rollout: Rollout) -> Change:
        skipped = rollout.spec.skip_clusters
        catching_up = undo and cluster in skipped and rollout.status.phase == "Completed"
        if not catching_up:
            _steerable(rollout, "skip-cluster")
        if undo:
            if cluster not in skipped:
                raise ApiError(
                    f"{title(rollout)} does not skip cluster {cluster}; it skips "
                    f"{named(sorted(skipped)) if skipped else 'none'}"
                )
            rest = [name for name in skipped if name != cluster]
            return Change({"skipClusters": rest}, f"{title(rollout)}: cluster {cluster} catches up")
        if cluster in skipped:
            return Change({}, f"{title(rollout)} skips cluster {cluster} already")
        _takes_part(rollout, cluster)
        again = command(rollout, "skip-cluster", f" {cluster} --undo")
        said = f"cluster {cluster} is left out as it is; {again} has it catch up"
        return Change({"skipClusters": [*skipped, cluster]}, f"{title(rollout)}: {said}")

    return verb


def _takes_part(rollout: Rollout, cluster: str) -> None:
    names = [each.name for each in rollout.status.clusters]
    if names and cluster not in names:
        raise ApiError(f"{title(rollout)}: {cluster} takes no part in it; it is about {', '.join(names)}")


def _steerable(rollout: Rollout, verb: str) -> None:
    """Refuse a verb on a run that is over or on its way back."""
    _under_way(rollout, verb)
    if rollout.status.phase == "RollingBack":
        raise ApiError(
            f"{title(rollout)} is rolling back ({rollout.status.reason}), which {verb} does not change; "
            f"{_see(rollout)}"
        )


def _under_way(rollout: Rollout, verb: str) -> None:
    if rollout.status.phase in TERMINAL:
        raise ApiError(
            f"{title(rollout)} is over ({rollout.status.phase}): {verb} has nothing to act on; a change of "
            "the pod template or content begins a new run, and "
            f"{command(rollout, 'undo')} returns to a former revision"
        )


def _after_halt(rollout: Rollout) -> str:
    return (
        f"{command(rollout, 'retry')} tries the step again, {command(rollout, 'abort', ' --rollback')} "
        "returns to the stable revision"
    )


def _when_resumed(rollout: Rollout) -> str:
    return f", once it is resumed: {command(rollout, 'resume')}" if rollout.spec.paused else ""


def _see(rollout: Rollout) -> str:
    return f"{command(rollout, 'status', ' --watch')} shows it"
