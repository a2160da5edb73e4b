"""Gate: what a cluster may hold of a workload that is released in steps. It only reads the mirrors.

Everything it answers follows from objects on the host, a Rollout above all; a permission is on record there
before any cluster is given it.
"""

from __future__ import annotations

import orjson
from cachetools import LRUCache

from federation.controllers.host import Host, subject_of
from federation.controllers.kinds import Template
from federation.controllers.rollouts import Policy
from federation.kube.ref import Ref
from federation.members.copies import Copies, MemberCopy
from policies.api.override import OverridePolicy
from policies.api.rollout import Rollout
from policies.release.permission import Permission, accounts_for, base_of, heard, permission, settled
from policies.release.revision import LARGEST, Revision, revision_of
from policies.release.telling import TERMINAL
from policies.verdicts import Verdict
from policies.workloads import drivers


class Gate:
    """Answers for workloads that a RolloutPolicy governs; of all others it says nothing."""

    def __init__(self, host: Host, copies: Copies) -> None:
        self._host, self._copies = host, copies
        self._revisions: LRUCache[tuple[str, bytes], tuple[list[OverridePolicy], Revision]]
        self._revisions = LRUCache(maxsize=4096)

    def permission(self, ref: Ref, template: Template, cluster: str) -> Permission | Verdict | None:
        """Return what a cluster may hold; None when no release has a say, and why when nobody can tell."""
        run = self._host.rollouts.begun(template.uid)
        if not under_way(run) and self.policy(ref, template) is None:
            return None
        if not under_way(run):
            verdict = self._too_large(ref, template) or self._unaccounted(ref, template, run, cluster)
            if verdict is not None:
                return verdict
        if run is not None:
            return self._permitted(ref, template, run, cluster)
        base = self.base(ref, template)
        return Permission(base, noted=bool(self._told(ref))) if isinstance(base, str) else base

    def _too_large(self, ref: Ref, template: Template) -> Verdict | None:
        """Have copies stay as they are when no revision can be kept: there would be no way back."""
        present = self.present(ref, template)
        if present.fits:
            return None
        return Verdict(
            "RevisionTooLarge",
            f"{ref}: its revision has {present.size} bytes and a ControllerRevision holds {LARGEST}: make it "
            "smaller, or have no RolloutPolicy select it",
        )

    def _unaccounted(self, ref: Ref, template: Template, run: Rollout | None, cluster: str) -> Verdict | None:
        """Have a copy stay as it is that a run has left in mid-batch whose Rollout is gone.

        A new run takes it in as it is. None is due when the workload is back at what clusters were at before.
        """
        if accounts_for(run, cluster, self._held(ref, cluster)):
            return None
        if self.present(ref, template).name == self.base(ref, template):
            return None
        return Verdict(
            "RolloutMissing",
            f"{ref}: the Rollout by which cluster {cluster} was given a part of its pods is gone from the "
            "host; it stays as it is until a new one takes it in",
        )

    def _permitted(self, ref: Ref, template: Template, run: Rollout, cluster: str) -> Permission | Verdict:
        """Answer from a run. A copy in a cluster that it has yet to take in stays as it is until then."""
        known, copy = run.status.cluster(cluster), self._copies.copy(cluster, ref)
        if under_way(run) and known is None and copy is not None:
            return Verdict("ReleasePending", f"{run.metadata.name} has yet to take cluster {cluster} in")
        left_out = known is not None and known.left_out
        if run.status.phase == "Completed" and copy is not None and not left_out:
            present = self.present(ref, template)
            if _moved_on(copy, present.name):
                return Permission(present.name)
        return permission(run, cluster)

    def governs(self, ref: Ref, template: Template) -> bool:
        """Whether a release has, or may come to have, a say about a workload."""
        run = self._host.rollouts.latest(template.uid)
        return under_way(run) or self.policy(ref, template) is not None

    def policy(self, ref: Ref, template: Template) -> Policy | None:
        """Return the policy that a workload is released by. What none can select costs one look at a set."""
        group, kind = ref.resource.group, ref.resource.kind
        if not template.rollout_policy and not self._host.rollouts.governs(group, kind):
            return None
        if not ref.namespace or drivers.of(group, kind) is None:
            return None
        return self._host.rollouts.policy(subject_of(ref, template.labels), template.rollout_policy)

    def present(self, ref: Ref, template: Template) -> Revision:
        """Return the revision that a workload is at on the host."""
        policies = self._host.overrides(ref.namespace)
        key = template.uid, template.manifest
        known = self._revisions.get(key)
        if known is not None and _same(known[0], policies):
            return known[1]
        pruned = orjson.loads(template.manifest)
        revision = revision_of(pruned, template.uid, subject_of(ref, template.labels), policies)
        self._revisions[key] = policies, revision
        return revision

    def base(self, ref: Ref, template: Template) -> str | Verdict | None:
        """Return the revision that clusters are at before the next run; None when none was ever noted.

        When the host has lost its Rollouts, the members tell.
        """
        run = self._host.rollouts.begun(template.uid)
        if run is not None:
            return self._after(ref, template, run)
        stored = self._host.rollouts.revisions(template.uid)
        told = self._told(ref)
        if not told:
            return stored[0].revision.name if stored else None
        if (base := base_of(told, [each.revision.name for each in stored])) is None:
            return Verdict(
                "RolloutMissing",
                f"{ref}: its Rollout is gone from the host while clusters hold revisions "
                f"{', '.join(sorted({held.revision for held in told}))}; restore the Rollout, or take the "
                "annotation federation.atoll.dev/release from the copies of the revision you do not want",
            )
        return base

    def _after(self, ref: Ref, template: Template, run: Rollout) -> str | Verdict:
        """Return what clusters are at after a run: its revision, or what they were given without a policy."""
        present = self.present(ref, template)
        copies = (self._copies.copy(member.name, ref) for member in self._copies)
        said = {copy.copy.echo for copy in copies if copy is not None}
        if run.status.phase != "Completed" or not said <= {"", present.name}:
            return settled(run)
        if "" in said:
            return Verdict("ReleasePending", f"{ref}: its copies have yet to say which revision they hold")
        return present.name if said else settled(run)

    def _told(self, ref: Ref) -> list[Permission]:
        """Return what copies say they were permitted."""
        held = (self._held(ref, member.name) for member in self._copies)
        return [may for may in held if may is not None]

    def _held(self, ref: Ref, cluster: str) -> Permission | None:
        """Return what a copy says it was permitted."""
        copy = self._copies.copy(cluster, ref)
        return heard(copy.copy.echo) if copy is not None else None


def _moved_on(copy: MemberCopy, present: str) -> bool:
    """Whether a copy was given the present revision while no policy governed the workload.

    It says what it was permitted as long as a policy governs, and nothing without one.
    """
    return copy.copy.echo in ("", present)


def under_way(run: Rollout | None) -> bool:
    return run is not None and run.status.phase not in TERMINAL


def _same(before: list[OverridePolicy], now: list[OverridePolicy]) -> bool:
    """Whether these are the very same versions of the same policies."""
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))
