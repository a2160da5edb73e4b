"""Manifests from files, directories and the input."""

from __future__ import annotations

from pathlib import Path

import pytest

from federation.manifests import Document, Unreadable, read

ONE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
TWO = ONE.replace("name: a", "name: b")


def no_input() -> str:
    raise AssertionError("the input is read only for -")


def names(documents: list[Document]) -> list[tuple[int, str]]:
    return [(each.number, each.manifest["metadata"]["name"]) for each in documents]


def test_documents_of_a_file_are_numbered_and_empty_ones_count(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"{ONE}---\n# nothing\n---\n{TWO}")
    assert names(read([str(path)], no_input)) == [(1, "a"), (3, "b")]


def test_a_list_is_taken_apart() -> None:
    items = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "%s"}}'
    text = f'{{"apiVersion": "v1", "kind": "List", "items": [{items % "a"}, {items % "b"}]}}'
    found = read(["-"], lambda: text)
    assert names(found) == [(1, "a"), (1, "b")]
    assert found[0].place == "stdin: document 1"


def test_a_directory_stands_for_its_manifests_and_with_recursive_for_those_below(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "b.yml").write_text(TWO)
    (tmp_path / "readme.md").write_text("text")
    (tmp_path / "below" / "a.json").write_text(
        '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}'
    )
    assert names(read([str(tmp_path)], no_input)) == [(1, "b")]
    assert names(read([str(tmp_path)], no_input, recursive=True)) == [(1, "b"), (1, "a")]


def test_a_date_is_a_string_as_it_is_for_kubernetes() -> None:
    (found,) = read(["-"], lambda: f"{ONE}data: {{day: 2026-01-01}}\n")
    assert found.manifest["data"] == {"day": "2026-01-01"}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a", "it is no object; an object has apiVersion, kind and metadata"),
        ("kind: A", "apiVersion: is missing"),
        ("apiVersion: v1", "kind: is missing"),
        ("{apiVersion: v1, kind: A, metadata: {generateName: a-}}", "A: metadata.name: is missing"),
        ("{apiVersion: v1, kind: A, metadata: {name: 3}}", "A: metadata.name: is missing"),
        (
            "{apiVersion: v1, kind: A, metadata: {name: a, labels: [b]}}",
            "A a: metadata.labels: must be a map",
        ),
    ],
)
def test_what_is_no_object_is_named_by_file_document_and_field(text: str, mistake: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read(["-"], lambda: f"{ONE}---\n{text}\n")
    assert raised.value.mistakes == (f"stdin: document 2: {mistake}",)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    with pytest.raises(Unreadable) as raised:
        read(["/nowhere.yaml", str(broken)], no_input)
    first, second = raised.value.mistakes
    assert first == "/nowhere.yaml: No such file or directory"
    assert second.startswith(f"{broken}: document 1: while parsing")


def test_a_kustomization_is_left_to_kubectl(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []")
    with pytest.raises(Unreadable, match="use `kubectl kustomize"):
        read([str(tmp_path)], no_input)
