"""A proposal, as text for people and as a value for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from federation.cli.adopting.proposal import Elsewhere, Proposal
from federation.cli.explaining.values import shown
from federation.kube.ref import Ref
from policies.api.binding import BindingSpec
from policies.requirements import said_of
from policies.suspension import label as label_of


def label(ref: Ref) -> str:
    """Name an object as kubectl's `-o name` does: `deployment.apps/web`."""
    group = f".{ref.resource.group}" if ref.resource.group else ""
    return f"{ref.resource.kind.lower()}{group}/{ref.name}"


def told(proposal: Proposal) -> Iterator[str]:
    """Yield the lines of a proposal: the object, then what becomes of it in each cluster."""
    on_host = "as the host has it" if proposal.on_host else "new on the host"
    yield f"{proposal.ref}, {on_host}, {_owners(proposal.decided.record.spec)}"
    target = proposal.decided.target
    if proposal.changes:
        yield f"  ~ {target.name}: taken over and changed{_replicas(target.replicas)}"
        for field in proposal.changes:
            what = field.difference
            yield f"      {what.field}: {shown(what.before)} -> {shown(what.after)}"
    else:
        count = (proposal.live.get("spec") or {}).get("replicas")
        yield f"  = {target.name}: taken over as it is{_replicas(count)}"
    yield from map(_another, proposal.elsewhere)


def _owners(spec: BindingSpec) -> str:
    if spec.policy is None:
        return f"needed by {', '.join(said_of(each) for each in spec.required_by)}"
    return f"by {label_of(spec.policy)}"


def _another(each: Elsewhere) -> str:
    target = each.target
    if each.said:
        return f"  ! {target.name}: {each.said}"
    if each.present:
        return f"    {target.name}: is there already"
    return f"  + {target.name}: create{_replicas(target.replicas)}"


def _replicas(count: int | None) -> str:
    return "" if count is None else f", {count} replica{'s'[: count != 1]}"


def as_data(proposal: Proposal, *, adopted: bool) -> dict[str, Any]:
    """Return the same for programs."""
    resource = proposal.ref.resource
    spec = proposal.decided.record.spec
    return {
        "object": {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "namespace": proposal.ref.namespace,
            "name": proposal.ref.name,
        },
        "adopted": adopted,
        "onHost": proposal.on_host,
        "policy": spec.policy.dump() if spec.policy is not None else None,
        "requiredBy": [each.dump() for each in spec.required_by],
        "from": proposal.decided.target.dump(),
        "changes": [
            {"field": each.difference.field, "before": each.difference.before, "after": each.difference.after}
            for each in proposal.changes
        ],
        "elsewhere": [
            {"target": each.target.dump(), "present": each.present, "said": each.said}
            for each in proposal.elsewhere
        ],
    }
