"""rollout policies: whether each can be carried out, into its status."""

from __future__ import annotations

from contextlib import suppress

from federation.controllers.host import Host, PolicyKey
from federation.controllers.kinds import Broken
from federation.kube.errors import NotFound
from federation.timestamps import utc_now
from policies.api.rollout_policy import RolloutPolicyStatus
from policies.observation import Stamp, Status, condition
from policies.verdicts import Verdict

FIELD_MANAGER = "atoll-status"


class RolloutPolicies:
    """Reconciles the status of one RolloutPolicy or ClusterRolloutPolicy."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def __call__(self, key: PolicyKey) -> None:
        policy = self._host.rollouts.stored_policy(key)
        if policy is None:
            return
        before = policy.status.conditions
        status: Status = "False" if isinstance(policy, Broken) else "True"
        verdict = Verdict("Valid", "workloads that follow it are released by it")
        if isinstance(policy, Broken):
            verdict = Verdict("Invalid", policy.message)
        generation = policy.metadata.generation
        conditions = [condition(before, "Ready", status, verdict, Stamp(generation, utc_now()))]
        if conditions == before and policy.status.observed_generation == generation:
            return
        after = RolloutPolicyStatus(observed_generation=generation, conditions=conditions)
        with suppress(NotFound):
            answer = await self._host.api.patch(
                key[0], key[1][1], key[1][0], {"status": after.dump()},
                subresource="status", manager=FIELD_MANAGER,
            )  # fmt: skip
            self._host.rollouts.observe_policy(key[0], answer)
