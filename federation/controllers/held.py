"""Held: what a Cluster says is held in it, from all that hold anything.

Deletions and evictions by their brakes, and copies that no binding accounts for.
"""

from __future__ import annotations

from collections.abc import Callable

from federation.controllers.host import Host
from federation.members.fleet import Fleet
from policies.eviction import EVICTIONS_HELD
from policies.verdicts import Verdict

PERIOD = 1.0
"""Seconds until a Cluster tells that more or less is held there: what changes in numbers is told once."""


class Held:
    """Puts it together.

    `idle(cluster)` says whether no copy there waits for a look; `look(cluster, seconds)` has a Cluster looked
    at after some seconds.
    """

    def __init__(
        self,
        host: Host,
        fleet: Fleet,
        idle: Callable[[str], bool],
        look: Callable[[str, float], None],
    ) -> None:
        self._host, self._fleet, self._idle, self._look = host, fleet, idle, look
        self._evictions: Callable[[str], Verdict | None] = lambda cluster: None
        self._tellers: tuple[Callable[[str], Verdict | None], ...] = ()

    def tell(
        self, evictions: Callable[[str], Verdict | None], *tellers: Callable[[str], Verdict | None]
    ) -> None:
        """Name who says what is held in a cluster; the first one that has something to say is heard."""
        self._evictions, self._tellers = evictions, tellers

    def changed(self, cluster: str) -> None:
        """Have the Cluster say so."""
        self._look(cluster, PERIOD)

    def looked(self, cluster: str) -> None:
        """A copy was looked at, which may have been the last that what is said waited for."""
        if self._standing(cluster) is not None:
            self.changed(cluster)

    def verdict(self, cluster: str) -> Verdict | None:
        """Say what is held in a cluster, or None."""
        if (held := self._evictions(cluster)) is not None:
            return held
        if not self._looked_over(cluster) and (standing := self._standing(cluster)) is not None:
            return standing
        return next((said for each in self._tellers if (said := each(cluster)) is not None), None)

    def _looked_over(self, cluster: str) -> bool:
        """Whether everything in a member was looked at, so that what is not held is known not to be."""
        member = self._fleet.get(cluster)
        known = member is not None and member.available and member.copies.all_synced()
        return known and self._idle(cluster)

    def _standing(self, cluster: str) -> Verdict | None:
        """What the Cluster says is held: after a restart it stands until all was looked at. Evictions are
        known without a look.
        """
        said = self._host.clusters.get(("", cluster))
        conditions = said.status.conditions if said else []
        held = (Verdict(c.reason, c.message) for c in conditions if c.type == "Held")
        return next((each for each in held if each.reason != EVICTIONS_HELD), None)
