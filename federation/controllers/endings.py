"""Endings: which copies of Jobs and Pods have ended, so that none of them runs twice.

What has ended is on record in the binding's status, which is written a moment later: until then it is
remembered here, from the event that told it. A copy that was seen to go before its end is made again like any
other.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from federation.controllers.host import Host
from federation.controllers.keys import Key
from federation.controllers.kinds import Record, Template
from federation.kube.ref import Ref
from federation.kube.resources import Manifest
from federation.members.fleet import Fleet
from policies.api.binding import ClusterResult
from policies.verdicts import Verdict
from policies.workloads import ending


class _Seen(NamedTuple):
    """The last that a watch told of a copy."""

    uid: str
    """Of the template."""
    end: Manifest | None
    """The projected copy, if it has ended; None of one that went before."""


class Endings:
    """Answers from what the members told, and from what is on record."""

    def __init__(self, host: Host, fleet: Fleet) -> None:
        self._host, self._fleet = host, fleet
        self._seen: dict[Ref, dict[str, _Seen]] = {}

    def note(self, cluster: str, ref: Ref) -> None:
        """Take in a change of a copy. It must be called for each, at once: the next may be its deletion."""
        group, kind = ref.resource.group, ref.resource.kind
        if not ending.may_end(group, kind) or (record := self._host.binding(ref)) is None:
            return
        seen, uid = self._seen.setdefault(ref, {}), record.spec.resource.uid
        copy, before = self._fleet.copy(cluster, ref), seen.pop(cluster, None)
        if copy is not None:
            if ending.ended(group, kind, copy.live):
                seen[cluster] = _Seen(uid, copy.live)
        elif before is not None and before.end is not None:
            seen[cluster] = before
        elif not self._listing(cluster, ref):
            seen[cluster] = _Seen(uid, None)

    def forget(self, ref: Ref) -> None:
        """Its binding is gone."""
        self._seen.pop(ref, None)

    def last_seen(self, key: Key, record: Record) -> Manifest | None:
        """Return a projected copy that has ended, be it there or gone; None of one that has not."""
        seen, uid = self._seen.get(key.ref, {}).get(key.cluster), record.spec.resource.uid
        if seen is not None and seen.uid == uid:
            return seen.end
        return ending.last_seen(_result(key.cluster, record), uid)

    def prevents(self, key: Key, template: Template, record: Record) -> Verdict | None:
        """Return why a cluster that has no copy is not given one; None if it is."""
        group, kind = key.ref.resource.group, key.ref.resource.kind
        if not ending.may_end(group, kind):
            return None
        manifest: Manifest = orjson.loads(template.manifest)
        if not ending.ends(group, kind, manifest["spec"]):
            return None
        over = ending.ended(group, kind, {"spec": manifest["spec"], "status": template.status})
        seen = self._seen.get(key.ref, {}).get(key.cluster)
        result = _result(key.cluster, record)
        if seen is not None and seen.uid == template.uid:
            if seen.end is not None:
                return ending.finished(key.cluster)
            result = None  # it was seen to go before its end
        return ending.why_not(str(key.ref), key.cluster, over=over, result=result, uid=template.uid)

    def _listing(self, cluster: str, ref: Ref) -> bool:
        """Whether a copy is found missing by a list, so that nobody saw it go."""
        member = self._fleet.get(cluster)
        mirror = member.copies[ref.resource] if member is not None else None
        return mirror is None or mirror.listing


def _result(cluster: str, record: Record) -> ClusterResult | None:
    return next((each for each in record.binding.status.clusters if each.name == cluster), None)
