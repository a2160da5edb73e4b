"""Validating webhooks for what other clusters have of a Service, served beside those of our kinds.

They warn or refuse by what is mirrored; a process that does not lead mirrors nothing, and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from federation.consequences import Consequences
from federation.reviews import Answer, Judgment, Request
from federation.service_webhooks import QUESTIONS, Question
from mcs.checks.findings import Finding, judged
from policies.api.meta import Manifest

log = logging.getLogger(__name__)
REFUSED = 403
NOT_CHECKED = (
    "not checked against what clusters export: the controller that was asked is starting or standing by"
)
FAILED = "not checked against what clusters export: that failed, see the log of the controller"


def answers(consequences: Callable[[], Consequences | None]) -> dict[str, Answer]:
    """Return by path what answers each question.

    :param consequences: what the process knows, or None while it does not
    """
    return {question.path: _answer(question, consequences) for question in QUESTIONS}


def _answer(question: Question, consequences: Callable[[], Consequences | None]) -> Answer:
    async def check(request: Request) -> Judgment:
        known = consequences()
        if known is None:
            return Judgment([NOT_CHECKED])
        try:
            findings = await _found(known, question, request.old, request.new)
        except Exception:  # a mistake of ours must not keep out what others are to store
            log.exception("%s: a change was not checked", question.path)
            return Judgment([FAILED])
        verdict = judged(findings, request.old, request.new)
        return Judgment(verdict.warnings, verdict.denials, REFUSED)

    return check


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
