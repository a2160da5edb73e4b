"""Kept: the copies in each cluster that carry our label and that no binding accounts for.

They are never deleted by us, so people must be told of them, by the Cluster's condition Held.
"""

from __future__ import annotations

from collections.abc import Callable

from federation.controllers.keys import Key
from policies.verdicts import Verdict, copies_kept


class Kept:
    """Remembers them by cluster; `changed(cluster)` is called when what there is to tell changes."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._reasons: dict[str, dict[Key, str]] = {}

    def note(self, key: Key, verdict: Verdict | None) -> None:
        """Note why a copy is kept, or that it is not: it is accounted for, or gone."""
        reasons = self._reasons.setdefault(key.cluster, {})
        before, reason = reasons.pop(key, None), verdict.reason if verdict else None
        if reason is not None:
            reasons[key] = reason
        if reason != before:
            self._changed(key.cluster)

    def verdict(self, cluster: str) -> Verdict | None:
        """Say what is kept in a cluster, or None."""
        if not (reasons := self._reasons.get(cluster)):
            return None
        return copies_kept(sorted(f"{key.ref} ({reason})" for key, reason in reasons.items()))
