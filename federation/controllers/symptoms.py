"""Symptoms: pods of a new revision that failed in a member, asked for while some of them are not ready."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from federation.controllers.keys import Key
from federation.kube.errors import ApiError
from federation.kube.resources import Manifest, Resource
from federation.members.member import Member
from policies.api.rollout import FailedPod, PodFailure
from policies.release.pods import Symptom, symptoms

_PODS = Resource("", "v1", "pods", "Pod")
_REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"
CONFIRMATION = 10.0
"""Seconds between two looks that must agree before a pod that waits counts as failed."""


class Symptoms:
    """Remembers what it saw: a pod may pull its image again, or crash once and then run."""

    def __init__(self) -> None:
        self._seen: dict[Key, dict[tuple[str, str], datetime]] = {}
        self.failed: dict[Key, tuple[FailedPod, ...]] = {}

    def forget(self, key: Key) -> None:
        self._seen.pop(key, None)
        self.failed.pop(key, None)

    async def look(self, key: Key, member: Member, selector: Manifest, rules: PodFailure) -> None:
        """Ask the member for the pods of the newest revision; what can't be asked stays as it was."""
        try:
            pods = await _newest(key, member, labels(selector))
        except ApiError:
            return  # what is wrong with the member shows in its health
        now = datetime.now(UTC)
        found, before = symptoms(pods, rules, now), self._seen.get(key, {})
        self._seen[key] = {_name(each): before.get(_name(each), now) for each in found}
        self.failed[key] = tuple(
            FailedPod(cluster=key.cluster, pod=each.pod, reason=each.reason)
            for each in found
            if each.lasting or (now - self._seen[key][_name(each)]).total_seconds() >= CONFIRMATION
        )


def _name(symptom: Symptom) -> tuple[str, str]:
    return symptom.pod, symptom.reason


async def _newest(key: Key, member: Member, selector: str) -> list[Manifest]:
    """Return the pods of a Deployment's newest ReplicaSet."""
    namespace, query = key.ref.namespace, {"labelSelector": selector}
    sets = [
        each
        async for page in member.api.list(
            _REPLICA_SETS, namespace=namespace, selector=query, metadata_only=True
        )
        for each in page.items
        if any(owner["name"] == key.ref.name for owner in each["metadata"].get("ownerReferences", []))
    ]
    if not sets:
        return []
    newest = max(sets, key=lambda each: int(each["metadata"].get("annotations", {}).get(_REVISION, 0)))
    query = {"labelSelector": f"{selector},{_HASH}={newest['metadata']['labels'].get(_HASH, '')}"}
    return [
        pod
        async for page in member.api.list(_PODS, namespace=namespace, selector=query)
        for pod in page.items
    ]


def labels(selector: dict[str, Any]) -> str:
    """Return a label selector as the API's query parameter says it."""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for term in selector.get("matchExpressions") or ():
        key, values = term["key"], ",".join(term.get("values") or ())
        match term["operator"]:
            case "In" | "NotIn":
                terms.append(f"{key} {term['operator'].lower()} ({values})")
            case "Exists":
                terms.append(key)
            case "DoesNotExist":
                terms.append(f"!{key}")
    return ",".join(terms)
