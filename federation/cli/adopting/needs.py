"""Needs: what goes along with workloads that are adopted, as `propagateDeps` has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from federation.cli.adopting.proposal import From, Proposal
from federation.cli.explaining.known import found
from federation.controllers.references import reference
from federation.kube.api import Manifest
from federation.kube.ref import Ref
from federation.resources import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, VOLUME_CLAIMS
from policies.api.binding import Requirement
from policies.api.propagation import PropagationPolicy
from policies.dependencies import dependencies
from policies.matching import never_propagated
from policies.podspec import Path
from policies.requirements import identity, requirement
from policies.workloads.interpretation import pod_spec_at

_RESOURCES = {each.kind: each for each in (CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, VOLUME_CLAIMS)}


async def with_needs(source: From, refs: Sequence[Ref]) -> list[Ref]:
    """Return objects of the cluster and, behind them, what they need that is there and may be propagated.

    What ServiceAccounts among it need follows in turn.
    """
    chosen, looked_at = list(refs), set(refs)
    for ref in (queue := list(refs)):
        with source.asked():
            live = await found(source.member, ref)
        if live is None:
            continue
        if ref not in refs:
            if never_propagated(live):
                continue
            chosen.append(ref)
        needs = [each for each in _named(ref, live) if each not in looked_at]
        looked_at.update(needs)
        queue += needs
    return chosen


def accounts_first(refs: Iterable[Ref]) -> list[Ref]:
    """Put ServiceAccounts in front of what they name."""
    return sorted(refs, key=lambda ref: ref.resource != SERVICE_ACCOUNTS)


def requirements(proposals: Sequence[Proposal], ref: Ref) -> list[Requirement]:
    """Return what workloads ask of an object, in ascending order.

    :param proposals: the workloads, and their ServiceAccounts if these are adopted, too.
    """
    found = [
        requirement(reference(each.ref, ""), each.decided.record.spec)
        for each in proposals
        if _propagates(each) and ref in _needs(each, proposals)
    ]
    return sorted(found, key=lambda each: identity(each.resource))


def _needs(workload: Proposal, proposals: Iterable[Proposal]) -> list[Ref]:
    """Return what a workload names, and what the ServiceAccounts among it name."""
    needs = _of(workload)
    accounts = [each for each in proposals if each.ref.resource == SERVICE_ACCOUNTS and each.ref in needs]
    return [*needs, *(need for each in accounts for need in _of(each))]


def _of(proposal: Proposal) -> list[Ref]:
    template = proposal.decided.known.template
    return _named(proposal.ref, orjson.loads(template.manifest), pod_spec_at(template.workload))


def _propagates(proposal: Proposal) -> bool:
    policy = proposal.decided.known.host.policy_of(proposal.decided.record)
    return isinstance(policy, PropagationPolicy) and policy.spec.propagate_deps


def _named(ref: Ref, manifest: Manifest, taught: Path | None = None) -> list[Ref]:
    named = dependencies(manifest, taught)
    return [Ref(_RESOURCES[each.kind], ref.namespace, each.name) for each in named]
