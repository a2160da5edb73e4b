"""The documentation is held to the code: whoever meets a reason can look it up."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from policies.workloads.workload import Health

ROOT = Path(__file__).parents[2]
REASON_AT = {
    "Verdict": 0, "Rejection": 0, "OverrideFailed": 0, "Health": 1, "NoCredentials": 0, "Told": 2,
    "_conflict": 0, "Decided": 0,
}  # fmt: skip
"""Which argument of a call is the reason."""
PASSED_ON = set(get_args(Health)) - {"Healthy"}
"""Reasons of the condition Healthy that come from what a workload answers."""


def reasons_of(source: str) -> set[str]:
    """Return every reason that stands as text in a module, also by way of a variable of its function."""
    tree = ast.parse(source)
    found: set[str] = set()
    for function in (tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))):
        assigned = dict(_assigned(function))
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and (reason := _reason(call)) is not None:
                found |= set(
                    _texts(assigned.get(reason.id, reason) if isinstance(reason, ast.Name) else reason)
                )
    return found


def _assigned(function: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _reason(call: ast.Call) -> ast.expr | None:
    name = getattr(call.func, "id", "")
    position = REASON_AT.get(name)
    return call.args[position] if position is not None and len(call.args) > position else None


def _texts(expression: ast.expr) -> Iterator[str]:
    """Yield the constants that an expression may give: not those it only looks at."""
    match expression:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.BoolOp(values=values):
            for value in values:
                yield from _texts(value)
        case ast.IfExp(body=body, orelse=otherwise):
            yield from _texts(body)
            yield from _texts(otherwise)
        case ast.Call(args=[_, default]):
            yield from _texts(default)


def modules() -> Iterator[Path]:
    for package in ("federation", "mcs", "policies"):
        yield from sorted((ROOT / package).rglob("*.py"))


def test_every_reason_that_the_code_can_write_is_explained() -> None:
    reasons = PASSED_ON.union(*(reasons_of(path.read_text()) for path in modules()))
    explained = "".join((ROOT / "docs" / page).read_text() for page in ("operations.md", "services.md"))
    assert sorted(reason for reason in reasons if f"`{reason}`" not in explained) == []


def test_reasons_are_found_wherever_a_verdict_is_made() -> None:
    source = """
WHOLE = Verdict("AtTheTop", "text")
def one(error):
    reason = error.reason if error.reason else "ByVariable"
    return Verdict(reason, "text") or Health(False, "Second", "text")
def two(first):
    return Verdict(first.reason or "Otherwise", "text"), Told("Type", "True", "Third", "text")
"""
    assert reasons_of(source) == {"AtTheTop", "ByVariable", "Second", "Otherwise", "Third"}


def test_the_search_sees_the_reasons_known_to_exist() -> None:
    found = set().union(*(reasons_of(path.read_text()) for path in modules()))
    assert found >= {
        "Scheduled",
        "ApplyFailed",
        "Pending",
        "NoSecret",
        "PodFailed",
        "ClusterUnreachable",
        "Orphan",
        "NoConflicts",
        "PortConflict",
        "LabelsConflict",
    }


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = [re.split(r"[<>=;\s]", requirement, maxsplit=1)[0] for requirement in wanted]
    rows = [line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| ")]
    assert [name for name in names if not any(re.search(rf"[| ]{name}[, ]", row) for row in rows)] == []


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text())
        if "://" not in target and not _leads_somewhere(page, target)
    ]
    assert broken == []


def _leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    return file.exists() and (not anchor or anchor in _anchors(file.read_text()))


def _anchors(text: str) -> set[str]:
    """Return what GitHub calls the headings of a page in links."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
