"""When the API server asks about Services across clusters, and what an outage holds up."""

from __future__ import annotations

from typing import Any

import pytest

from federation.reviews import Judgment, Request
from federation.service_admission import NOT_CHECKED, answers
from federation.service_webhooks import QUESTIONS, service_webhook_configuration

URL = {"caBundle": "Y2E=", "url": "https://a"}


def webhooks() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service_webhook_configuration(URL)["webhooks"]
    return found


def test_every_question_is_answered_at_its_path() -> None:
    paths = answers(lambda: None)
    assert {hook["clientConfig"]["url"] for hook in webhooks()} == {f"https://a/{path}" for path in paths}
    assert len(paths) == len(QUESTIONS)


def test_an_outage_holds_up_new_exports_and_nothing_else() -> None:
    required = [hook["rules"] for hook in webhooks() if hook["failurePolicy"] == "Fail"]
    assert [(rule["resources"], rule["operations"]) for (rule,) in required] == [
        (["serviceexports"], ["CREATE", "UPDATE"])
    ]


def test_nobody_waits_long_and_nothing_is_done_by_asking() -> None:
    assert {(hook["timeoutSeconds"], hook["sideEffects"]) for hook in webhooks()} == {(3, "None")}


@pytest.mark.parametrize("plural", ["services", "serviceexports", "namespaces"])
def test_namespaces_of_the_cluster_and_our_own_are_left_alone(plural: str) -> None:
    for hook in webhooks():
        if hook["rules"][0]["resources"] == [plural]:
            conditions = " ".join(each["expression"] for each in hook["matchConditions"])
            assert "!request.namespace.startsWith('kube-')" in conditions
            assert "request.namespace != 'atoll-system'" in conditions


def test_our_own_accounts_and_the_garbage_collector_are_never_asked_about() -> None:
    for hook in webhooks():
        by_others = hook["matchConditions"][0]["expression"]
        assert "!request.userInfo.username.startsWith('system:serviceaccount:atoll-system:')" in by_others
        assert "!request.userInfo.username.startsWith('system:serviceaccount:kube-system:')" in by_others


async def test_who_does_not_lead_lets_pass_and_says_so() -> None:
    request = Request(uid="1", operation="CREATE", object={"metadata": {"name": "web"}})
    for answer in answers(lambda: None).values():
        assert await answer(request) == Judgment([NOT_CHECKED])
