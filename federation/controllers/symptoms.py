"""Symptoms: what was last seen of the pods of a new revision in members while some of them are not ready."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from federation.controllers.keys import Key
from federation.kube.resources import Manifest
from federation.members.copies import MemberCopy
from policies.api.rollout import FailedPod
from policies.api.rollout_policy import PodFailure
from policies.release.pods import Symptom, symptoms

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
    outliers: int


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
        look = self._present(key, copy)
        return look.ready if look is not None else 0

    def outliers(self, key: Key, copy: MemberCopy) -> int | None:
        """Return how many of them the partition did not cover; None if the copy changed since."""
        look = self._present(key, copy)
        return look.outliers if look is not None else None

    def _present(self, key: Key, copy: MemberCopy) -> _Look | None:
        look = self._looks.get(key)
        same = look is not None and (look.revision, look.live) == (_revision(copy), copy.live)
        return look if same else None

    def forget(self, key: Key) -> None:
        self._seen.pop(key, None)
        self._looks.pop(key, None)

    def note(
        self,
        key: Key,
        copy: MemberCopy,
        pods: Sequence[Manifest],
        rules: PodFailure,
        ready: int,
        outliers: int,
    ) -> None:
        """Take in the pods of the revision that a copy holds, which its controller has seen.

        :param ready: how many of them are ready, at least.
        """
        now = datetime.now(UTC)
        found, before = symptoms(pods, rules, now), self._seen.get(key, {})
        self._seen[key] = {_name(each): before.get(_name(each), now) for each in found}
        failed = tuple(
            FailedPod(cluster=key.cluster, pod=each.pod, reason=each.reason)
            for each in found
            if each.lasting or (now - self._seen[key][_name(each)]).total_seconds() >= CONFIRMATION
        )
        self._looks[key] = _Look(_revision(copy), copy.live, failed, ready, outliers)


def _revision(copy: MemberCopy) -> str:
    return copy.copy.echo.partition("/")[0]


def _name(symptom: Symptom) -> tuple[str, str]:
    return symptom.pod, symptom.reason
