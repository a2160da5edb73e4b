"""Revision: what of a workload is released in steps, as it was at one time.

That is its pod template and the override rules that can change it; replicas, labels of the object and the
like are applied at once. Revisions are kept as ControllerRevisions, named by what they hold, as the built-in
controllers keep theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from policies.api.meta import Manifest
from policies.api.override import ClusterOverridePolicy, OverridePolicy, Overriders
from policies.matching import Subject
from policies.overriders import concerning
from policies.podspec import pod_template

WORKLOAD_LABEL = "federation.atoll.dev/workload-uid"
"""On a ControllerRevision and a Rollout: the UID of the workload."""


class Revision(NamedTuple):
    """A pod template, and the override policies that go with it: in order, only rules that concern pods."""

    name: str
    template: Manifest
    overrides: tuple[OverridePolicy, ...] = ()

    def dump(self) -> Manifest:
        """Return the `data` of its ControllerRevision."""
        return _data(self.template, [policy.dump() for policy in self.overrides])


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
    if not isinstance(data.get("template"), dict):
        raise ValueError(f"ControllerRevision {name} holds no pod template")
    return Revision(name, data["template"], tuple(_policy(held) for held in data.get("overrides", ())))


def _policy(held: Manifest) -> OverridePolicy:
    model = ClusterOverridePolicy if held["kind"] == "ClusterOverridePolicy" else OverridePolicy
    return model.model_validate(held)


def _data(template: Manifest, overrides: Sequence[Manifest]) -> Manifest:
    return {"template": template} | ({"overrides": list(overrides)} if overrides else {})


def revision_of(
    pruned: Manifest, uid: str, subject: Subject, policies: Sequence[OverridePolicy]
) -> Revision | None:
    """Return the revision a workload is at; None for a kind without a pod template.

    :param pruned: the workload as it is propagated.
    :param uid: its UID: another workload of the same name has other revisions.
    """
    template = pod_template(pruned)
    if template is None:
        return None
    overrides = [dumped for policy in concerning(subject, policies) if (dumped := _pod_rules(policy))]
    data = _data(template, overrides)
    return read(f"{subject.name[:200]}-{_hash({**data, 'uid': uid})}", data)


def _hash(data: Manifest) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _pod_rules(policy: OverridePolicy) -> Manifest | None:
    """Return a policy with only the rules that can change a pod template; None when there are none."""
    rules = [rule.dump() for rule in policy.spec.override_rules if _concerns_pods(rule.overriders)]
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


def _concerns_pods(overriders: Overriders) -> bool:
    if overriders.image_overrider or overriders.command_overrider:
        return True
    if overriders.args_overrider or overriders.env_overrider:
        return True
    paths = [change.path for change in overriders.plaintext]
    paths += [change.field_path for change in overriders.field_overrider]
    return any(_leads_to_pods(path) for path in paths) or _merges_pods(overriders.merge)


def _leads_to_pods(pointer: str) -> bool:
    return pointer in ("", "/spec") or (pointer + "/").startswith(("/spec/template/", "/spec/jobTemplate/"))


def _merges_pods(merge: Any) -> bool:
    spec = merge.get("spec") if isinstance(merge, dict) else None
    return isinstance(spec, dict) and bool({"template", "jobTemplate"} & spec.keys())
