"""Ending: Jobs, and Pods that do not run always, run to an end, and only once.

A member deletes what has ended (`ttlSecondsAfterFinished`, or people tidy up), which looks like the loss of
any other copy. So a cluster's end is on record in the binding, with the UID of the template that ran: another
one of that name is to run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from policies.api.binding import BindingSpec, ClusterResult, ResourceBinding, TargetCluster
from policies.api.meta import Manifest
from policies.verdicts import Verdict
from policies.workloads import job, pod

FINISHED = "Finished"
"""The reason of a verdict about what has ended: nothing is wrong with it."""
_ENDED: Mapping[tuple[str, str], Callable[[Manifest], bool]] = {
    ("batch", "Job"): job.ended,
    ("", "Pod"): pod.ended,
}


def may_end(group: str, kind: str) -> bool:
    """Whether objects of a kind may run to an end."""
    return (group, kind) in _ENDED


def ends(group: str, kind: str, spec: Manifest) -> bool:
    """Whether a template, or a projected copy, with this spec runs to an end: a Job always does."""
    return (group, kind) == ("batch", "Job") or (may_end(group, kind) and pod.ends(spec))


def ended(group: str, kind: str, projected: Manifest) -> bool:
    """Whether a copy has ended."""
    return may_end(group, kind) and _ENDED[group, kind](projected)


def last_seen(result: ClusterResult | None, uid: str) -> Manifest | None:
    """Return the projected copy that a cluster had when it ended; None if no end is on record.

    :param uid: of the template.
    """
    if result is None or result.status is None or not _was_there(result, uid):
        return None
    return {"generation": 0, "spec": {"restartPolicy": "Never"}, "status": result.status}


def is_recorded(result: ClusterResult, spec: BindingSpec) -> bool:
    """Whether it is on record that the template of a binding has ended in a cluster: that holds also when the
    cluster leaves its placement, and comes back.
    """
    return last_seen(result, spec.resource.uid) is not None


def unfinished(binding: ResourceBinding) -> list[TargetCluster]:
    """Return the targets of a binding but those where its template has ended: nothing is left to be moved."""
    spec = binding.spec
    ended_in = {result.name for result in binding.status.clusters if is_recorded(result, spec)}
    return [target for target in spec.clusters if target.name not in ended_in]


def why_not(what: str, cluster: str, *, over: bool, result: ClusterResult | None, uid: str) -> Verdict | None:
    """Return why a cluster that has no copy of something that ends is not given one; None if it is.

    :param over: the template's own status says that it has ended as a whole.
    :param result: what is on record of the cluster.
    :param uid: of the template.
    """
    if last_seen(result, uid) is not None:
        return finished(cluster)
    if over:
        return Verdict(FINISHED, f"it has ended, and is not started in cluster {cluster} any more; {_ANEW}")
    if result is not None and _was_there(result, uid):
        return Verdict(
            "GoneUnseen",
            f"{what} went from cluster {cluster} while nobody watched, and may have ended there: it is not "
            f"started again; {_ANEW}",
        )
    return None


def finished(cluster: str) -> Verdict:
    return Verdict(FINISHED, f"it has ended in cluster {cluster}, and its copy is gone; {_ANEW}")


def _was_there(result: ClusterResult, uid: str) -> bool:
    return bool(uid) and result.template_uid == uid


_ANEW = "to run it again, delete the template and apply it anew"
