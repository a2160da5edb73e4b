"""What becomes of the copy of one template in one cluster.

The rules that lose nothing stand here: an object is removed only on a recorded decision (its binding is being
deleted, or no longer names the cluster), never because something is missing.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from policies.api.binding import ResourceBinding
from policies.api.meta import GROUP, Manifest
from policies.suspension import still_there
from policies.verdicts import Verdict

FIELD_MANAGER = "atoll"
HOST_LABEL = f"{GROUP}/host"
DIGEST_ANNOTATION = f"{GROUP}/digest"
BINDING_ANNOTATION = f"{GROUP}/binding"
RELEASE_MANAGER = "atoll-release"
"""The field manager of what a release holds a copy by: an apply of the manifest alone can't let it go."""
REPLICAS_MANAGER = "atoll-replicas"
"""The field manager that keeps `replicas` where it is while it passes from the host to an autoscaler."""
SHADOW_LABEL = f"mcs.{GROUP}/shadow"
"""With `true` for its value, on a Service that was made where there was none: it yields to any other."""
RELEASE_ANNOTATION = f"{GROUP}/release"
FINALIZER = f"{GROUP}/member-copies"

UNACCOUNTED = frozenset({"Orphan", "PlacedByAnother", "HostWentBack"})
"""Reasons to keep an object that no binding of this host accounts for."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def binding_name(plural: str, group: str, name: str) -> str:
    """Name the binding of a template: `<name>.<plural>[.<group>]`, hashed when that is no DNS subdomain."""
    readable = ".".join(part for part in (name, plural, group) if part)
    if len(readable) <= 253 and _NAME.fullmatch(readable):
        return readable
    digest = hashlib.sha256(readable.encode()).hexdigest()[:16]
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:180].strip("-")
    return ".".join(part for part in (f"{stem}-{digest}".strip("-"), plural, group) if part)[:253].rstrip(
        ".-"
    )


class Copy(NamedTuple):
    """A member's object that carries a host label: what is needed to decide about it."""

    uid: str
    host: str
    digest: str
    """Of the manifest that was applied last."""
    placed_by: str
    """`<uid>/<generation>` of the binding that was in force then."""
    deleting: bool
    echo: str = ""
    """What it was permitted by a release; empty when it never was in one."""


class Placed(NamedTuple):
    """What the binding and its template say about one cluster."""

    binding: ResourceBinding | None
    targeted: bool
    """The binding names this cluster."""
    template_gone: bool
    """The host's API server confirmed that the template does not exist, or is being deleted."""
    preserve: bool
    """The policy keeps member objects when their template is deleted."""
    removal: str | None
    """`Keep` or `Delete` when the cluster is leaving the federation, else None."""
    considered: bool = True
    """The binding was decided since the cluster joined: where it does not name it, that was meant."""
    suspended: Verdict | None = None
    """Why nothing is to be written there for now."""
    evicted: Verdict | None = None
    """Why a cluster that the template leaves keeps its copy for now."""
    required: bool = False
    """A workload needs the template there, by a policy that is in force."""


class Keep(NamedTuple):
    """Nothing to do, and why where that needs saying."""

    verdict: Verdict | None = None


class Put(NamedTuple):
    """Bring the member's object to the desired manifest."""

    suspended: Verdict | None = None
    """Why not for now: how it stands is told, and nothing written."""


class Remove(NamedTuple):
    """Delete the member's object with this UID."""

    uid: str


class Release(NamedTuple):
    """Leave the object in the member and give up our label, annotations and fields."""


Action = Keep | Put | Remove | Release


def placed_by(binding: ResourceBinding) -> str:
    return f"{binding.metadata.uid}/{binding.metadata.generation}"


def holds(copy: Copy, digest: str, echo: str, binding: ResourceBinding) -> bool:
    """Whether a copy was applied from this manifest for this binding and says what it was permitted, so that
    no write is needed.

    A copy that another binding placed, as before a host was rebuilt, is written once more: its new binding
    must know it for its own when it withdraws it.
    """
    placed_by, _, _ = copy.placed_by.partition("/")
    return copy.digest == digest and copy.echo == echo and placed_by == binding.metadata.uid


def decide(placed: Placed, copy: Copy | None) -> Action:
    """Return what becomes of a copy. `Put` says nothing about whether a write is needed."""
    if copy is not None and copy.deleting:
        return Keep(Verdict("Terminating", "the object is being deleted in the member"))
    if placed.removal is not None:
        return _leave(placed.removal, copy)
    binding = placed.binding
    if binding is None:
        return Keep(_ORPHAN if copy else None)
    if binding.metadata.deletion_timestamp:
        return _teardown(placed, copy)
    if placed.targeted and (binding.spec.policy is not None or placed.required):
        return Put(placed.suspended)
    if placed.targeted or not (binding.spec.policy is not None or binding.spec.dependency):
        return Keep(_UNGOVERNED)
    if placed.evicted is not None or not placed.considered:
        return Keep(placed.evicted)
    action = _withdraw(binding, copy)
    if isinstance(action, Remove) and placed.suspended is not None:
        return Keep(still_there(placed.suspended))
    return action


_UNGOVERNED = Verdict("NoPolicy", "no policy selects the template: the copy stays as it is")
_ORPHAN = Verdict("Orphan", "no binding on the host names this object: it is kept, not deleted")


def _leave(removal: str, copy: Copy | None) -> Action:
    if copy is None:
        return Keep()
    return Remove(copy.uid) if removal == "Delete" else Release()


def _teardown(placed: Placed, copy: Copy | None) -> Action:
    if copy is None or not placed.template_gone:
        return Keep()
    return Release() if placed.preserve else Remove(copy.uid)


def _withdraw(binding: ResourceBinding, copy: Copy | None) -> Action:
    """The binding no longer names the cluster: believe it only if it is the one that placed the copy, or
    later.
    """
    if copy is None:
        return Keep()
    uid, _, generation = copy.placed_by.partition("/")
    if uid != binding.metadata.uid or not generation.isdigit():
        return Keep(
            Verdict(
                "PlacedByAnother", "another binding placed this object: it is kept; delete it in the member"
            )
        )
    if int(generation) > binding.metadata.generation:
        return Keep(
            Verdict(
                "HostWentBack",
                f"the object was placed at generation {generation} of its binding, which the host now knows "
                f"at {binding.metadata.generation} only: its store was probably restored; the object is "
                "kept; apply the template's policy anew or delete the object in the member",
            )
        )
    return Remove(copy.uid)


def within_brake(inferred: int, total: int) -> bool:
    """Return whether `inferred` removals in one minute are few enough for a cluster of `total` objects.

    Removals are inferred when they follow from an absence and not from a recorded deletion.
    """
    return inferred <= max(10, total // 5)


def stamp(
    manifest: Manifest, *, host: str, digest: str, binding: ResourceBinding, echo: str = ""
) -> Manifest:
    """Return the manifest with the label and annotations that make a member's object ours."""
    metadata = manifest["metadata"]
    permitted = {RELEASE_ANNOTATION: echo} if echo else {}
    return manifest | {
        "metadata": metadata
        | {
            "labels": metadata.get("labels", {}) | {HOST_LABEL: host},
            "annotations": metadata.get("annotations", {})
            | {DIGEST_ANNOTATION: digest, BINDING_ANNOTATION: placed_by(binding)}
            | permitted,
        }
    }
