"""report: what became of each policy, into its status. Coalesced: one write once things have settled."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from federation.controllers.host import Host, Override, PolicyKey, Propagation
from federation.controllers.kinds import Broken
from federation.controllers.matched import Matched
from federation.kube.errors import NotFound
from federation.timestamps import utc_now
from policies.api.binding import PolicyReference
from policies.api.override import OverridePolicy
from policies.api.propagation import PolicyStatus
from policies.observation import Stamp
from policies.overriders import policy_label
from policies.reporting import Standing, invalid, override_status, propagation_status, standing
from policies.scheduling import policy_reference
from policies.suspension import told

FIELD_MANAGER = "atoll-status"
SETTLE = 2.0
"""Seconds without news before a policy's status is written."""
LONGEST = 10.0
"""Seconds after which it is written all the same."""
RECHECK = 60.0
"""Seconds after news until a policy is looked at once more: its bindings' status may change unannounced."""
TOGETHER = 500
"""Objects that are looked at in one go, a few milliseconds."""


class Report:
    """Reconciles the status of one policy."""

    def __init__(self, host: Host, matched: Matched) -> None:
        self._host, self._matched = host, matched
        self._news: dict[PolicyKey, float] = {}
        self._first: dict[PolicyKey, float] = {}

    def note(self, key: PolicyKey) -> None:
        """Something that concerns the policy changed."""
        now = asyncio.get_running_loop().time()
        self._news[key] = now
        self._first.setdefault(key, now)

    async def __call__(self, key: PolicyKey) -> float | None:
        now = asyncio.get_running_loop().time()
        due = min(self._news.get(key, 0.0) + SETTLE, self._first.get(key, 0.0) + LONGEST)
        if due > now:
            return due - now
        news = self._news.pop(key, None)
        self._first.pop(key, None)
        policy = self._host.policy(key)
        if policy is None:
            return None
        before = policy.status
        status = await self._status(key, policy, before, Stamp(policy.metadata.generation, utc_now()))
        if status != before:
            with suppress(NotFound):
                answer = await self._host.api.patch(
                    key[0], key[1][1], key[1][0], {"status": status.dump()},
                    subresource="status", manager=FIELD_MANAGER,
                )  # fmt: skip
                self._host.observe_policy(key[0], answer)
        return RECHECK if news is not None else None

    async def _status(
        self, key: PolicyKey, policy: Propagation | Override, before: PolicyStatus, stamp: Stamp
    ) -> PolicyStatus:
        if isinstance(policy, Broken):
            return invalid(policy.message, before, stamp)
        if isinstance(policy, OverridePolicy):
            return override_status(await self._standings(key), policy_label(policy), before, stamp)
        named = policy_reference(policy)
        standings = await self._standings(key, named)
        return propagation_status(standings, told(named, policy.spec.suspension), before, stamp)

    async def _standings(self, key: PolicyKey, named: PolicyReference | None = None) -> list[Standing]:
        """Return how the objects of a policy stand, letting others work in between.

        :param named: of a propagation policy, which also has objects that its workloads need.
        """
        found: list[Standing] = []
        for number, ref in enumerate(list(self._matched.by(key)), 1):
            if (record := self._host.binding(ref)) is not None:
                stands = standing(ref, record.binding)
                found.append(stands._replace(matched=named is None or record.spec.policy == named))
            if not number % TOGETHER:
                await asyncio.sleep(0)
        return found
