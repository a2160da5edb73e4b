"""Validating webhooks for what other clusters have of a Service, served by kopf beside those of our kinds.

They warn or refuse by what is mirrored; a process that does not lead mirrors nothing, and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import kopf

from federation.consequences import Consequences
from federation.service_webhooks import QUESTIONS, Question
from mcs.checks.findings import Finding, judged
from policies.api.meta import Manifest

log = logging.getLogger(__name__)
REFUSED = 403
NOT_CHECKED = (
    "not checked against what clusters export: the controller that was asked is starting or standing by"
)
FAILED = "not checked against what clusters export: that failed, see the log of the controller"


def register(registry: kopf.OperatorRegistry, consequences: Callable[[], Consequences | None]) -> None:
    """Add the handler of each question to a registry.

    :param consequences: what the process knows, or None while it does not
    """
    for question in QUESTIONS:
        _register(registry, question, consequences)


def _register(
    registry: kopf.OperatorRegistry, question: Question, consequences: Callable[[], Consequences | None]
) -> None:
    @kopf.on.validate(
        question.group,
        question.version,
        question.plural,
        id=question.path,
        operations=question.operations,  # type: ignore[arg-type]
        registry=registry,
    )
    async def check(warnings: list[str], **said: Any) -> None:
        before, after = (dict(said[each]) if said[each] is not None else None for each in ("old", "new"))
        known = consequences()
        if known is None:
            warnings.append(NOT_CHECKED)
            return
        try:
            findings = await _found(known, question, before, after)
        except Exception:  # a mistake of ours must not keep out what others are to store
            log.exception("%s: a change was not checked", question.path)
            warnings.append(FAILED)
            return
        verdict = judged(findings, before, after)
        warnings.extend(verdict.warnings)
        if verdict.denials:
            raise kopf.AdmissionError("; ".join(verdict.denials), code=REFUSED)


async def _found(
    known: Consequences, question: Question, old: Manifest | None, new: Manifest | None
) -> list[Finding]:
    name = (old or new or {})["metadata"]["name"]
    match question.plural:
        case "services":
            return known.of_service(old, new)
        case "serviceexports":
            return await known.of_export(old, new)
        case "multiclusterservices":
            return await known.of_multi_cluster_service(old, new)
        case "namespaces":
            return known.of_namespace(name)
        case "clusters":
            return known.of_cluster(name)
        case "propagationpolicies" | "clusterpropagationpolicies":
            assert old is not None
            assert new is not None
            return known.of_placement(old, new)
        case _:
            return known.of_override(old, new)
