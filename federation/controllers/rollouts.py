"""Rollouts: the mirrors of what the host says of releases, and the questions asked of them.

Runs, their policies, and the revisions they go between. It decides nothing and writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any

from pydantic import ValidationError

from federation.controllers.kinds import Broken, valid
from federation.controllers.references import ref_of
from federation.kube.api import Api
from federation.kube.informer import Informer
from federation.kube.ref import Ref
from federation.kube.resources import Key, Manifest, Resource
from federation.resources import CLUSTER_ROLLOUT_POLICY, CONTROLLER_REVISIONS, ROLLOUT, ROLLOUT_POLICY
from policies.api.meta import ObjectMeta
from policies.api.propagation import PolicyStatus
from policies.api.rollout import Rollout
from policies.api.rollout_policy import ClusterRolloutPolicy, RolloutPolicy
from policies.matching import Subject, group_of
from policies.release.choice import followed
from policies.release.revision import WORKLOAD_LABEL, Stored, read

Policy = RolloutPolicy | Broken
PolicyChanged = Callable[[tuple[Resource, Key]], None]


class Rollouts:
    """`changed(ref)` names a workload whose runs changed, or the revisions they speak of;
    `policy_changed(key)` names a policy that did.
    """

    def __init__(self, api: Api, changed: Callable[[Ref], None], policy_changed: PolicyChanged) -> None:
        self._runs: Informer[Rollout] = Informer(api, ROLLOUT, Rollout.model_validate, self._run_changed)
        self._revisions: Informer[Stored | None] = Informer(
            api,
            CONTROLLER_REVISIONS,
            _stored,
            self._revision_changed,
            selector={"labelSelector": WORKLOAD_LABEL},
        )
        self._policies: dict[Resource, Informer[Policy]] = {
            resource: Informer(api, resource, _policy, partial(self._policy_changed, resource))
            for resource in (ROLLOUT_POLICY, CLUSTER_ROLLOUT_POLICY)
        }
        self._changed, self._tell_policy = changed, policy_changed
        self._kinds: frozenset[tuple[str, str]] | None = None
        self._of: defaultdict[str, dict[Key, Rollout]] = defaultdict(dict)
        self._held: defaultdict[str, dict[str, Stored]] = defaultdict(dict)
        self._known: dict[Key, Rollout] = {}  # to name the workload when the object is gone
        self._workloads: dict[Key, str] = {}

    def informers(self) -> list[Informer[Any]]:
        return [self._runs, self._revisions, *self._policies.values()]

    def latest(self, uid: str) -> Rollout | None:
        """Return the last run of a workload."""
        runs = self.runs(uid)
        return runs[-1] if runs else None

    def begun(self, uid: str) -> Rollout | None:
        """Return the last run of a workload that has a status; one without says nothing yet."""
        return next((run for run in reversed(self.runs(uid)) if run.status.observed_generation), None)

    def runs(self, uid: str) -> list[Rollout]:
        """Return the runs of a workload, the first one first."""
        return sorted(self._of[uid].values(), key=attrgetter("number")) if uid in self._of else []

    def revision(self, uid: str, name: str) -> Stored | None:
        """Return a revision of a workload."""
        return self._held[uid].get(name) if uid in self._held else None

    def revisions(self, uid: str) -> list[Stored]:
        """Return the revisions of a workload, the oldest first."""
        return sorted(self._held[uid].values(), key=lambda s: s.number) if uid in self._held else []

    def stored_policy(self, key: tuple[Resource, Key]) -> Policy | None:
        return self._policies[key[0]].get(key[1])

    def observe_policy(self, resource: Resource, manifest: Manifest) -> None:
        """Take the server's answer to a status write into the store."""
        self._policies[resource].observe(manifest)

    def observe_run(self, manifest: Manifest) -> None:
        """Take the server's answer to a write into the store."""
        self._runs.observe(manifest)

    def observe_revision(self, manifest: Manifest) -> None:
        self._revisions.observe(manifest)

    def named(self, namespace: str, name: str) -> Rollout | None:
        """Return the run of a name, of whatever workload."""
        return self._runs.get((namespace, name))

    def governs(self, group: str, kind: str) -> bool:
        """Whether any policy selects objects of a kind."""
        if self._kinds is None:
            self._kinds = frozenset(
                (group_of(selector.api_version), selector.kind)
                for policy in self._all()
                if not isinstance(policy, Broken)
                for selector in policy.spec.resource_selectors
            )
        return (group, kind) in self._kinds

    def _all(self) -> list[Policy]:
        return [policy for informer in self._policies.values() for _, policy in informer.items()]

    def policy(self, subject: Subject, named: str) -> Policy | None:
        """Return the policy that a workload follows; one that it names and that is not there is broken."""
        policies = self._all()
        valid = (policy for policy in policies if not isinstance(policy, Broken))
        if (found := followed(subject, named, valid)) is not None or not named:
            return found
        missing = Broken("RolloutPolicy", ObjectMeta(name=named), "does not exist", PolicyStatus())
        return next((p for p in policies if isinstance(p, Broken) and p.metadata.name == named), missing)

    def _policy_changed(self, resource: Resource, key: Key) -> None:
        self._kinds = None
        self._tell_policy((resource, key))

    def _run_changed(self, key: Key) -> None:
        run = self._runs.get(key) or self._known.pop(key)
        runs = self._of[run.spec.workload_ref.uid]
        if self._runs.get(key) is not None:
            runs[key] = self._known[key] = run
        else:
            runs.pop(key, None)
        self._changed(ref_of(run.spec.workload_ref))

    def _revision_changed(self, key: Key) -> None:
        stored = self._revisions.get(key)
        workload = stored.workload if stored else self._workloads.pop(key, "")
        if stored is not None:
            self._held[workload][key[1]] = stored
            self._workloads[key] = workload
        else:
            self._held[workload].pop(key[1], None)
        if (run := self.latest(workload)) is not None:
            self._changed(ref_of(run.spec.workload_ref))


def _stored(live: Manifest) -> Stored | None:
    """Read a ControllerRevision; None when it holds no revision of ours."""
    metadata = live["metadata"]
    try:
        revision = read(metadata["name"], live.get("data") or {})
    except (ValueError, KeyError, ValidationError):
        return None
    uid = (metadata.get("labels") or {}).get(WORKLOAD_LABEL, "")
    return Stored(revision, live.get("revision", 0), uid, metadata.get("namespace", ""))


def _policy(live: Manifest) -> Policy:
    return valid(live, ClusterRolloutPolicy if live["kind"] == "ClusterRolloutPolicy" else RolloutPolicy)
