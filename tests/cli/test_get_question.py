"""What the words after `atoll get` ask for."""

from __future__ import annotations

import pytest

from federation.cli.get.question import Question, Wanted, wanted_of
from federation.kube.errors import ApiError


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("deploy", [("deploy", ())]),
        ("deploy web api web", [("deploy", ("web", "api"))]),
        ("deploy,svc web", [("deploy", ("web",)), ("svc", ("web",))]),
        ("deploy,deploy,", [("deploy", ())]),
        ("deploy/web svc/web deploy/api", [("deploy", ("web", "api")), ("svc", ("web",))]),
    ],
)
def test_kinds_and_names_are_given_as_to_kubectl(
    words: str, wanted: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert wanted_of(words.split()) == tuple(Wanted(*each) for each in wanted)


@pytest.mark.parametrize("words", [[","], ["deploy/web", "api"], ["deploy/"], ["/web"], ["a/b/c"], ["a,b/c"]])
def test_what_says_neither_is_refused(words: list[str]) -> None:
    with pytest.raises(ApiError, match=r"KIND/NAME|name a kind"):
        wanted_of(words)


def test_a_name_is_asked_for_as_a_field_and_selectors_of_people_as_they_are() -> None:
    by_name = Question(wanted_of(["cm", "a", "b"]), "shop")
    assert by_name.selectors(by_name.wanted[0]) == [
        {"fieldSelector": "metadata.name=a"},
        {"fieldSelector": "metadata.name=b"},
    ]
    selected = Question(wanted_of(["cm"]), None, "team=red", "metadata.namespace!=shop")
    assert selected.selectors(selected.wanted[0]) == [
        {"labelSelector": "team=red", "fieldSelector": "metadata.namespace!=shop"}
    ]
    everything = Question(wanted_of(["cm"]), None)
    assert everything.selectors(everything.wanted[0]) == [{}]
