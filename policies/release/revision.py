"""Revision: what of a workload is released in steps, as it was at one time.

That is its content and the override rules that can change it; replicas, labels of the object and the like
are applied at once. Revisions are kept as ControllerRevisions, named by what they hold, as the built-in
controllers keep theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from policies.api.meta import Manifest
from policies.api.override import ClusterOverridePolicy, OverridePolicy
from policies.matching import Subject
from policies.overriders import concerning
from policies.podspec import pod_template_path
from policies.release.content import concerns, content

WORKLOAD_LABEL = "federation.atoll.dev/workload-uid"
"""On a ControllerRevision and a Rollout: the UID of the workload."""
LARGEST = 1_400_000
"""Bytes of a revision that a ControllerRevision holds: etcd refuses requests of more than 1.5 MiB."""
_CONTENT = ("template", "content")
"""The keys of `data` under which a pod template is kept, and the content of kinds without one."""


class Revision(NamedTuple):
    """A content, and the override policies that go with it: in order, only rules that concern it."""

    name: str
    content: Manifest
    overrides: tuple[OverridePolicy, ...]
    data: Manifest
    """All of it, as its ControllerRevision holds it."""
    size: int = 0
    """Bytes of `data` as JSON; 0 for one that is kept already."""

    @property
    def fits(self) -> bool:
        """Whether a ControllerRevision can hold it."""
        return self.size <= LARGEST


class Stored(NamedTuple):
    """A revision as it is kept on the host."""

    revision: Revision
    number: int
    """`revision` of the ControllerRevision: the greatest was released last."""
    workload: str
    """The UID of the workload."""
    namespace: str


def read(name: str, data: Manifest) -> Revision:
    """Return the revision that a ControllerRevision holds.

    :raises ValueError: it holds none.
    """
    held = next((data[key] for key in _CONTENT if key in data), None)
    if not isinstance(held, dict):
        raise ValueError(f"ControllerRevision {name} holds neither a pod template nor content")
    return Revision(name, held, tuple(_policy(each) for each in data.get("overrides", ())), data)


def _policy(held: Manifest) -> OverridePolicy:
    model = ClusterOverridePolicy if held["kind"] == "ClusterOverridePolicy" else OverridePolicy
    return model.model_validate(held)


def revision_of(pruned: Manifest, uid: str, subject: Subject, policies: Sequence[OverridePolicy]) -> Revision:
    """Return the revision an object is at.

    :param pruned: the object as it is propagated.
    :param uid: its UID: another object of the same name has other revisions.
    """
    key = _CONTENT[pod_template_path(pruned) is None]
    data: Manifest = {key: content(pruned)}
    if overrides := [held for policy in concerning(subject, policies) if (held := _rules(policy, pruned))]:
        data["overrides"] = overrides
    said = json.dumps({**data, "uid": uid}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(said.encode()).hexdigest()[:10]
    return read(f"{subject.name[:200]}-{digest}", data)._replace(size=len(said.encode()))


def _rules(policy: OverridePolicy, pruned: Manifest) -> Manifest | None:
    """Return a policy with only the rules that can change the content; None when there are none."""
    rules = [rule.dump() for rule in policy.spec.override_rules if concerns(rule.overriders, pruned)]
    if not rules:
        return None
    metadata = {"name": policy.metadata.name}
    if policy.metadata.namespace:
        metadata["namespace"] = policy.metadata.namespace
    selectors = [selector.dump() for selector in policy.spec.resource_selectors]
    return {
        "apiVersion": policy.api_version,
        "kind": policy.kind,
        "metadata": metadata,
        "spec": {"resourceSelectors": selectors, "overrideRules": rules},
    }
