"""Adoption: what a cluster runs already, as the template that would make just that."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.copies import BINDING_ANNOTATION, DIGEST_ANNOTATION, HOST_LABEL, RELEASE_ANNOTATION
from policies.matching import never_propagated
from policies.pruning import prune, without_empty_metadata

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL = "kubectl-client-side-apply"
"""The field manager of `kubectl apply`, by which kubectl knows fields for its own."""
_MARKS = frozenset({DIGEST_ANNOTATION, BINDING_ANNOTATION, RELEASE_ANNOTATION})
FIELD_MANAGER = "atoll-adopt"


def obstacle(live: Manifest, host_id: str) -> str:
    """Return why an object of a cluster can't be adopted by a host, with the remedy; empty if it can."""
    metadata = live["metadata"]
    if metadata.get("deletionTimestamp"):
        return "it is being deleted there"
    owners = metadata.get("ownerReferences") or ()
    if owner := next((each for each in owners if each.get("controller")), None):
        named = f"{owner.get('kind')} {owner.get('name')}"
        return f"it belongs to {named}, which would make it again; adopt that instead"
    if why := never_propagated(live):
        return f"it is never propagated: {why}"
    owner_id = (metadata.get("labels") or {}).get(HOST_LABEL, host_id)
    if owner_id != host_id:
        return (
            f"it belongs to the federation host {owner_id}; have that one release it first, or give "
            f"--host-id {owner_id} if this host replaces it"
        )
    return ""


def template(live: Manifest) -> Manifest:
    """Return the template that makes an object what it is, without the marks of a federation.

    The record of `kubectl apply` goes with it, so that the same files can be applied to the host from now on:
    kubectl then knows which fields left them.
    """
    pruned = prune(live)
    metadata = pruned["metadata"]
    labels = {key: value for key, value in metadata.get("labels", {}).items() if key != HOST_LABEL}
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if key not in _MARKS}
    if record := (live["metadata"].get("annotations") or {}).get(_LAST_APPLIED):
        annotations[_LAST_APPLIED] = record
    return without_empty_metadata(
        pruned | {"metadata": metadata | {"labels": labels, "annotations": annotations}}
    )


def author(template: Manifest) -> str:
    """Return the field manager that makes a template: kubectl, where it goes on by files."""
    annotations = template["metadata"].get("annotations") or {}
    return _KUBECTL if _LAST_APPLIED in annotations else FIELD_MANAGER
