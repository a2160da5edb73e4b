"""Symptoms: how pods of a new revision are in a member, asked for while some of them are not ready."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from federation.controllers.keys import Key
from federation.kube.errors import ApiError
from federation.kube.resources import Manifest, Resource
from federation.members.copies import MemberCopy
from federation.members.member import Member
from policies.api.rollout import FailedPod
from policies.api.rollout_policy import PodFailure
from policies.release.pods import Symptom, is_ready, symptoms

_PODS = Resource("", "v1", "pods", "Pod")
_REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"
CONFIRMATION = 10.0
"""Seconds between two looks that must agree before a pod that waits counts as failed."""


class _Look(NamedTuple):
    """What was seen of the pods of a copy."""

    revision: str
    """What the copy says it holds."""
    live: Manifest
    """The copy as it was then."""
    failed: tuple[FailedPod, ...]
    ready: int


class Symptoms:
    """Remembers what it saw: a pod may pull its image again, or crash once and then run."""

    def __init__(self) -> None:
        self._seen: dict[Key, dict[tuple[str, str], datetime]] = {}
        self._looks: dict[Key, _Look] = {}

    def failed(self, key: Key, copy: MemberCopy) -> tuple[FailedPod, ...]:
        """Return the pods of the revision a copy holds that had failed at the last look."""
        look = self._looks.get(key)
        return look.failed if look is not None and look.revision == _revision(copy) else ()

    def ready(self, key: Key, copy: MemberCopy) -> int:
        """Return how many pods of that revision were ready at the last look; 0 if the copy changed since.

        Its status does not tell them from old ones while some of those are not ready.
        """
        look = self._looks.get(key)
        same = look is not None and (look.revision, look.live) == (_revision(copy), copy.live)
        return look.ready if look is not None and same else 0

    def forget(self, key: Key) -> None:
        self._seen.pop(key, None)
        self._looks.pop(key, None)

    async def look(
        self, key: Key, member: Member, copy: MemberCopy, selector: Manifest, rules: PodFailure
    ) -> None:
        """Ask the member for the pods of the revision that a copy holds, which its controller has seen.

        What can't be asked stays as it was.
        """
        try:
            pods = await _newest(key, member, labels(selector))
        except ApiError:
            return  # what is wrong with the member shows in its health
        now = datetime.now(UTC)
        found, before = symptoms(pods, rules, now), self._seen.get(key, {})
        self._seen[key] = {_name(each): before.get(_name(each), now) for each in found}
        failed = tuple(
            FailedPod(cluster=key.cluster, pod=each.pod, reason=each.reason)
            for each in found
            if each.lasting or (now - self._seen[key][_name(each)]).total_seconds() >= CONFIRMATION
        )
        self._looks[key] = _Look(_revision(copy), copy.live, failed, sum(map(is_ready, pods)))


def _revision(copy: MemberCopy) -> str:
    return copy.copy.echo.partition("/")[0]


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
