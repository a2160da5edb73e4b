"""Reporting: what became of a policy, from the bindings of the objects that it matches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from typing import NamedTuple

from policies.api.binding import ResourceBinding
from policies.api.propagation import PolicyFailure, PolicyStatus
from policies.observation import SUSPENDED, Stamp, Status, condition
from policies.verdicts import Verdict

SHOWN_FAILURES = 20
_NO_FAILURE = frozenset({SUSPENDED, "Deleting"})
"""What is as its user wants it: a policy that suspends, an object that was deleted."""


class Failure(NamedTuple):
    """One object that is not as a policy has it, in a cluster or (empty) at all; in the order of names."""

    object: str
    cluster: str
    reason: str
    message: str


class Standing(NamedTuple):
    """How one object stands."""

    applied: bool
    """In all its clusters."""
    failures: tuple[Failure, ...]
    matched: bool = True
    """The policy speaks of it; False for what its workloads need, of which only failures are told."""


def standing(named: object, binding: ResourceBinding) -> Standing:
    """Return how an object stands; `str(named)` is its name for people."""
    status = binding.status
    applied = any(each.type == "Applied" and each.status == "True" for each in status.conditions)
    found = [(result.name, result.reason, result.message) for result in status.clusters if not result.applied]
    found += [
        ("", each.reason, each.message)
        for each in status.conditions
        if each.type == "Scheduled" and each.status == "False"
    ]
    failing = [each for each in found if each[1] and each[1] not in _NO_FAILURE]
    return Standing(applied, tuple(Failure(str(named), *each) for each in failing))


def propagation_status(
    standings: Iterable[Standing], suspended: Verdict | None, before: PolicyStatus, stamp: Stamp
) -> PolicyStatus:
    """Return the status of a propagation policy.

    :param standings: of the objects that it governs, and of those that its workloads need.
    :param suspended: what it suspends, if anything.
    """
    return _status(list(standings), suspended, before, stamp)


def override_status(
    standings: Iterable[Standing], label: str, before: PolicyStatus, stamp: Stamp
) -> PolicyStatus:
    """Return the status of an override policy, which only its own failures concern.

    :param label: how messages name the policy.
    """
    return _status([_of_override(each, label) for each in standings], None, before, stamp)


def _of_override(standing: Standing, label: str) -> Standing:
    own = (
        each
        for each in standing.failures
        if each.reason == "OverrideFailed" and each.message.startswith(f"{label}: ")
    )
    return standing._replace(failures=tuple(own)) if standing.failures else standing


def invalid(message: str, before: PolicyStatus, stamp: Stamp) -> PolicyStatus:
    """Return the status of a policy that is not valid."""
    ready = condition(before.conditions, "Ready", "False", Verdict("Invalid", message), stamp)
    return PolicyStatus(observed_generation=stamp.generation, conditions=[ready])


def _status(
    standings: Sequence[Standing], suspended: Verdict | None, before: PolicyStatus, stamp: Stamp
) -> PolicyStatus:
    matched = [each for each in standings if each.matched]
    applied = sum(each.applied for each in matched)
    shown = nsmallest(SHOWN_FAILURES, _failures(standings))
    if shown:
        verdict = Verdict("Failing", f"{shown[0].object}: {shown[0].reason}: {shown[0].message}")
    elif suspended is not None:
        verdict = suspended
    elif not matched:
        verdict = Verdict("NothingMatched", "no object on the host is governed or changed by this policy")
    else:
        verdict = Verdict("Applied", f"{applied} of {len(matched)} objects hold in all their clusters")
    status: Status = "False" if shown or suspended else "True"
    return PolicyStatus(
        observed_generation=stamp.generation,
        matched=len(matched),
        applied=applied,
        failed=sum(bool(each.failures) for each in standings),
        failures=[PolicyFailure(**each._asdict()) for each in shown],
        conditions=[condition(before.conditions, "Ready", status, verdict, stamp)],
    )


def _failures(standings: Iterable[Standing]) -> Iterator[Failure]:
    return (failure for each in standings for failure in each.failures)
