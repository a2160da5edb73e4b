"""atoll convert: policies of Karmada to ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from federation.cli.plan import documents

if TYPE_CHECKING:
    from federation.manifests import Document

_GROUP = "karmada.io"


def convert_command(
    files: Annotated[
        list[str],
        typer.Option("-f", "--filename", metavar="FILE", help="A file, a directory, or - for the input."),
    ],
    recursive: Annotated[
        bool, typer.Option("-R", "--recursive", help="The directories below a directory, too.")
    ] = False,
) -> None:
    """Print Karmada's policies as ours, and everything else in the files as it is.

    What has no counterpart or behaves differently is noted in comments and on standard error. With a field
    that Karmada does not have, or a policy that is not valid here, nothing is printed; the exit code is 1.
    """
    texts: list[str] = []
    wrong = False
    for document in documents(files, recursive):
        text, notes, mistakes = _converted(document)
        at = f"{document.place}: {document.manifest['kind']} {document.manifest['metadata']['name']}"
        for note in notes:
            typer.echo(f"note: {at}: {note}", err=True)
        for mistake in mistakes:
            typer.echo(f"error: {at}: {mistake}", err=True)
        wrong = wrong or bool(mistakes)
        texts.append("".join(f"# note: {note}\n" for note in notes) + text)
    if wrong:
        raise typer.Exit(1)
    sys.stdout.write("---\n".join(texts))


def _converted(document: Document) -> tuple[str, list[str], tuple[str, ...]]:
    """Return the YAML of a document, what is to be noted of it, and what is wrong with it."""
    import yaml

    from policies.karmada.conversion import CONVERTED, KARMADA, convert
    from policies.karmada.notes import BY_HAND

    manifest = document.manifest
    if manifest["apiVersion"] == KARMADA and manifest["kind"] in CONVERTED:
        converted = convert(manifest)
        text = yaml.safe_dump(converted.manifest, sort_keys=False, allow_unicode=True)
        return text, [str(note) for note in converted.notes], converted.mistakes
    if manifest["apiVersion"].partition("/")[0].endswith(_GROUP):
        remedy = BY_HAND.get(manifest["kind"], "see docs/karmada.md")
        return "", [f"left out: {manifest['kind']} has no counterpart; {remedy}"], ()
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), [], ()
