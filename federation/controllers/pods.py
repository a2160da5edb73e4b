"""Pods: those of a workload in a member, told apart by the template they are of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from federation.kube.ref import Ref
from federation.kube.resources import Manifest, Resource
from federation.members.copies import MemberCopy
from federation.members.member import Member
from federation.resources import PODS
from policies.workloads.driver import Driver


class Pods(NamedTuple):
    """The pods of a copy."""

    newest: list[Manifest]
    """Those of the template that the copy has now."""
    others: list[Manifest]
    """All others, if the kind is one of which pods are deleted by us."""


async def pods_of(
    member: Member, ref: Ref, copy: MemberCopy, driver: Driver, selector: dict[str, Any]
) -> Pods:
    """Ask a member for the pods of a copy, whose controller has seen it as it is.

    :param selector: the workload's own, `spec.selector`.
    """
    terms, template = labels(selector), driver.newest(copy.live)
    if template is None:
        template = await _last(member, ref, copy, driver, terms)
    if not template:
        return Pods([], [])
    label = driver.POD_LABEL
    if not driver.DELETES:
        return Pods([pod async for pod in _listed(member, PODS, ref, f"{terms},{label}={template}")], [])
    pods = [pod async for pod in _listed(member, PODS, ref, terms) if _owns(copy.copy.uid, pod)]
    newest = [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(label) == template]
    return Pods(newest, [pod for pod in pods if pod not in newest])


async def _last(member: Member, ref: Ref, copy: MemberCopy, driver: Driver, selector: str) -> str:
    """Return what the present template is called by its kind's controller; empty before it has seen it."""
    history = driver.HISTORY
    assert history is not None, "either the status or the history tells the present template"
    resource = Resource(history.group, "v1", history.plural, history.kind)
    past = [each async for each in _listed(member, resource, ref, selector) if _owns(copy.copy.uid, each)]
    if not past:
        return ""
    name: str = max(past, key=driver.number)["metadata"]["labels"].get(driver.POD_LABEL, "")
    return name


async def _listed(member: Member, resource: Resource, ref: Ref, selector: str) -> AsyncIterator[Manifest]:
    query = {"labelSelector": selector}
    async for page in member.api.list(resource, namespace=ref.namespace, selector=query):
        for each in page.items:
            yield each


def _owns(uid: str, pod: Manifest) -> bool:
    return any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences", []))


def labels(selector: dict[str, Any]) -> str:
    """Return a label selector as the API's query parameter says it."""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for term in selector.get("matchExpressions") or ():
        key, values = term["key"], ",".join(term.get("values") or ())
        match term["operator"]:
            case "In" | "NotIn":
                terms.append(f"{key} {term['operator'].lower()} ({values})")
            case "Exists":
                terms.append(key)
            case "DoesNotExist":
                terms.append(f"!{key}")
    return ",".join(terms)
