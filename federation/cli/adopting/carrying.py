"""Carrying out an adoption, in an order by which nobody takes what runs for a leftover, wherever it ends.

The host records where the object is; the object says whose it is to be; the template is made, and the
controller takes the object over; former field managers let go. A step that was done before does nothing, so
that the same command finishes what was interrupted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from federation.cli.adopting.proposal import From, Proposal
from federation.cli.explaining.comparing import fields_of
from federation.cli.explaining.known import found
from federation.controllers.kinds import Record, record_of
from federation.controllers.writer import is_placed_by
from federation.kube.api import Manifest
from federation.kube.errors import ApiError, Conflict
from federation.kube.ownership import handed_over
from federation.kube.ref import Ref
from policies.adoption import FIELD_MANAGER, author
from policies.api.binding import BindingStatus
from policies.copies import FIELD_MANAGER as APPLY
from policies.copies import HOST_LABEL, RELEASE_MANAGER, REPLICAS_MANAGER

_INTERVAL = 0.2
"""Seconds between two looks at an object that the controller is to take over."""


async def carry(source: From, proposal: Proposal, seconds: float, tell: Callable[[str], None]) -> None:
    """Adopt an object.

    :param seconds: how long to wait for the controller.
    :raises ApiError: it is not done; the same again finishes it
    """
    ref = proposal.ref
    if (seed := proposal.decided.seed) is not None:
        tell(f"{ref}: recording on the host that it runs in cluster {source.name}")
        resource, _ = proposal.decided.known.host.binding_key(ref)
        await source.host.apply(resource, seed, manager=FIELD_MANAGER)
    if not proposal.marked(source.host_id):
        tell(f"{ref}: marking it in cluster {source.name}")
        await _mark(source, proposal)
    if not proposal.on_host:
        tell(f"{ref}: creating it on the host")
        with suppress(Conflict):  # by somebody else meanwhile: it is taken over as that says
            await source.host.create(ref.resource, proposal.template, manager=author(proposal.template))
    tell(f"{ref}: waiting for the controller to take it over")
    live = await _taken_over(source, proposal, seconds)
    with source.asked():
        await _let_go(source, proposal, live)


async def _mark(source: From, proposal: Proposal) -> None:
    """Have the very object that was looked at say whose it is to be.

    :raises ApiError: it is another one by now, or has changed
    """
    ref, metadata = proposal.ref, proposal.live["metadata"]
    named = {key: metadata[key] for key in ("name", "namespace", "uid") if key in metadata}
    mark = {
        "apiVersion": ref.resource.api_version,
        "kind": ref.resource.kind,
        "metadata": named | {"labels": {HOST_LABEL: source.host_id}},
    }
    live: Manifest | None = None
    with source.asked(), suppress(Conflict):
        live = await source.member.apply(ref.resource, mark, manager=FIELD_MANAGER, force=False)
    if live is None or fields_of(proposal.live, live, is_current=False):
        raise ApiError(f"{ref} changed in cluster {source.name} meanwhile; run the command again")


async def _taken_over(source: From, proposal: Proposal, seconds: float) -> Manifest:
    """Wait until the controller has applied the template to the object.

    :raises ApiError: it did not in time, and why
    """
    ref, until = proposal.ref, asyncio.get_running_loop().time() + seconds
    while True:
        with source.asked():
            live = await source.member.get(ref.resource, ref.name, ref.namespace)
        record = await _record(source, proposal)
        if record is not None and is_placed_by(record, live):
            return live
        if asyncio.get_running_loop().time() >= until:
            raise ApiError(
                f"{ref}: not taken over within {seconds:g} s: {_why(source, record)}; the same command again "
                "finishes it"
            )
        await asyncio.sleep(_INTERVAL)


async def _record(source: From, proposal: Proposal) -> Record | None:
    resource, (namespace, name) = proposal.decided.known.host.binding_key(proposal.ref)
    binding = await found(source.host, Ref(resource, namespace, name))
    return record_of(binding) if binding is not None else None


def _why(source: From, record: Record | None) -> str:
    """Say what the controller says of a copy that it did not take over."""
    status = record.binding.status if record is not None else BindingStatus()
    for result in status.clusters:
        if result.name == source.name and result.reason:
            return f"{result.reason}: {result.message}"
    for each in status.conditions:
        if each.status == "False":
            return f"{each.reason}: {each.message}"
    return "no controller took it up so far; see `kubectl -n atoll-system get lease atoll-controller`"


async def _let_go(source: From, proposal: Proposal, live: Manifest) -> None:
    """Have former field managers let go of what the controller applied: what is taken out of the template
    later would stay in the cluster otherwise.
    """
    ref = proposal.ref
    while True:
        metadata = live["metadata"]
        managed = metadata.get("managedFields") or []
        left = handed_over(managed, APPLY, RELEASE_MANAGER, REPLICAS_MANAGER)
        if left == managed:
            return
        body = {"metadata": {"resourceVersion": metadata["resourceVersion"], "managedFields": left}}
        with suppress(Conflict):  # its status changed, most likely
            await source.member.patch(ref.resource, ref.name, ref.namespace, body, manager=FIELD_MANAGER)
            return
        live = await source.member.get(ref.resource, ref.name, ref.namespace)
