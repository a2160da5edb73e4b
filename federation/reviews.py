"""AdmissionReview, in which an API server asks whether it may store a change, and is answered.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, Field

from policies.api.meta import Manifest


class Request(BaseModel):
    """What is to be stored, as far as anybody here reads it."""

    uid: str
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    new: Manifest | None = Field(alias="object", default=None)
    """None: it is deleted."""
    old: Manifest | None = Field(alias="oldObject", default=None)
    """None: it is created."""


class Review(BaseModel):
    """The question, with the kind of which the answer is, too."""

    api_version: Literal["admission.k8s.io/v1"] = Field(alias="apiVersion")
    kind: Literal["AdmissionReview"]
    request: Request


class Judgment(NamedTuple):
    """What is said of a change; a denial keeps it out."""

    warnings: Sequence[str] = ()
    denials: Sequence[str] = ()
    code: int = 422
    """The HTTP status of a denial: by default as for an object that the schema refuses."""


Answer = Callable[[Request], Awaitable[Judgment]]


def answered(review: Review, judgment: Judgment) -> Manifest:
    """Return the AdmissionReview to send back."""
    response: Manifest = {"uid": review.request.uid, "allowed": not judgment.denials}
    if judgment.warnings:
        response["warnings"] = list(judgment.warnings)
    if judgment.denials:
        response["status"] = {"code": judgment.code, "message": "; ".join(judgment.denials)}
    return {"apiVersion": review.api_version, "kind": review.kind, "response": response}
