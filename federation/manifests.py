"""Manifests from files: YAML and JSON, several documents in each, as `kubectl apply -f` reads them.

Nothing is asked of a cluster, and nothing is fetched: a name is a file, a directory, or `-`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from policies.api.meta import Manifest

STDIN = "-"
_ENDINGS = (".yaml", ".yml", ".json")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_BASE: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, which is ten times faster, where PyYAML was built with it."""


class _Loader(_BASE):  # type: ignore[misc]
    """YAML as Kubernetes reads it: a date is a string."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in _BASE.yaml_implicit_resolvers.items()  # type: ignore[attr-defined]
    }


class Document(NamedTuple):
    """One object and where it stands."""

    file: str
    number: int
    """Among the documents of the file, from 1."""
    manifest: Manifest

    @property
    def place(self) -> str:
        return f"{self.file}: document {self.number}"


class Unreadable(Exception):
    """Files that can't be read as manifests; one line for each mistake."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def read(names: Sequence[str], stdin: Callable[[], str], *, recursive: bool = False) -> list[Document]:
    """Return the objects of files and directories, in order; lists are taken apart.

    :param recursive: go into the directories below a directory, too.
    :raises Unreadable: naming each file and document that holds no object
    """
    documents: list[Document] = []
    mistakes: list[str] = []
    for name in names:
        try:
            for file, text in _texts(name, stdin, recursive=recursive):
                documents += _documents(file, text, mistakes)
        except OSError as error:
            mistakes.append(f"{name}: {error.strerror}")
        except (UnicodeDecodeError, Unreadable) as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise Unreadable(*mistakes)
    return documents


def _texts(name: str, stdin: Callable[[], str], *, recursive: bool) -> Iterator[tuple[str, str]]:
    if name == STDIN:
        yield "stdin", stdin()
        return
    path = Path(name)
    if not path.is_dir():
        yield name, path.read_text("utf-8")
        return
    if any((path / each).exists() for each in _KUSTOMIZATIONS):
        raise Unreadable(f"a kustomization is not built here; use `kubectl kustomize {name}` and `-f -`")
    found = path.rglob("*") if recursive else path.glob("*")
    for file in sorted(each for each in found if each.suffix in _ENDINGS and each.is_file()):
        yield str(file), file.read_text("utf-8")


def _documents(file: str, text: str, mistakes: list[str]) -> Iterator[Document]:
    number = 0
    try:
        for number, value in enumerate(yaml.load_all(text, _Loader), start=1):
            for manifest in _objects(value):
                if mistake := _mistake(manifest):
                    mistakes.append(f"{file}: document {number}: {mistake}")
                else:
                    yield Document(file, number, manifest)
    except yaml.YAMLError as error:
        mistakes.append(f"{file}: document {number + 1}: {' '.join(str(error).split())}")


def _objects(value: Any) -> Sequence[Any]:
    """Return what a document holds: nothing, an object, or the items of a list."""
    if value is None:
        return ()
    if isinstance(value, dict) and str(value.get("kind", "")).endswith("List") and "items" in value:
        return value["items"] or ()
    return (value,)


def _mistake(manifest: Any) -> str:
    """Return what keeps a value from being an object; empty if it is one."""
    if not isinstance(manifest, dict):
        return "it is no object; an object has apiVersion, kind and metadata"
    for field in ("apiVersion", "kind"):
        if not (isinstance(manifest.get(field), str) and manifest[field]):
            return f"{field}: is missing"
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        return f"{manifest['kind']}: metadata.name: is missing"
    for field in ("labels", "annotations"):
        if not isinstance(metadata.get(field) or {}, dict):
            return f"{manifest['kind']} {metadata['name']}: metadata.{field}: must be a map"
    return ""
