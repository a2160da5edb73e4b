"""What a check finds: a denial keeps a change out, a warning lets it pass. An annotation can force it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from policies.api.meta import FORCE, Manifest

_SHOWN = 5
"""How many names a message has before it only counts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of one field of a change."""

    check: str
    """The id of the check, such as `V08`."""
    message: str
    field: str = ""
    """The path of the field; empty where it is the whole object."""
    denies: bool = False
    forcible: bool = False
    """Whether FORCE turns the denial into a warning."""
    conflict: str = ""
    """The reason that the condition Conflict of the ServiceExports would give for the same."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Verdict(NamedTuple):
    """What is answered to the author of a change."""

    denials: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def warn(check: str, message: str, field: str = "", conflict: str = "") -> Finding:
    return Finding(check, message, field, conflict=conflict)


def deny(check: str, message: str, field: str = "", conflict: str = "") -> Finding:
    """Find something that can't be right, whatever its author says."""
    return Finding(check, message, field, denies=True, conflict=conflict)


def hold(check: str, message: str, field: str = "", conflict: str = "") -> Finding:
    """Find something that hardly is meant; its author may insist."""
    return Finding(check, message, field, denies=True, forcible=True, conflict=conflict)


def judged(findings: Iterable[Finding], *manifests: Manifest | None) -> Verdict:
    """Return what the findings come to.

    :param manifests: the object as it was and as it is to be; the reason to force it may stand on either
    """
    reason = next(filter(None, map(_force, manifests)), "")
    denials: list[str] = []
    warnings: list[str] = []
    for each in findings:
        if not each.denies:
            warnings.append(str(each))
        elif not each.forcible:
            denials.append(str(each))
        elif reason:
            warnings.append(f"{each} (forced: {reason})")
        else:
            denials.append(f'{each}; to do it nevertheless, annotate the object with {FORCE}: "<reason>"')
    return Verdict(tuple(denials), tuple(warnings))


def newly(before: Collection[Finding], after: Iterable[Finding]) -> Iterator[Finding]:
    """Let pass, with a warning, what was found before as well: a change must not be held up for what it did
    not bring about.
    """
    known = {(each.check, each.field) for each in before}
    for each in after:
        yield warn(each.check, each.message, each.field) if (each.check, each.field) in known else each


def of(service: tuple[str, str], findings: Iterable[Finding]) -> Iterator[Finding]:
    """Say of which Service findings are, where the change is not of the Service itself."""
    for each in findings:
        yield replace(each, field="", message=f"{named(*service)}: {each}")


def named(namespace: str, name: str) -> str:
    """Return a Service as messages have it: `Service "shop/web"`."""
    return f'Service "{namespace}/{name}"'


def listed(names: Iterable[str]) -> str:
    """Return names in brackets, in order, the last ones counted where there are many: `[c1 c2]`."""
    ordered = sorted(names)
    rest = len(ordered) - _SHOWN
    return f"[{' '.join(ordered[:_SHOWN])}{f' and {rest} more' if rest > 0 else ''}]"


def _force(manifest: Manifest | None) -> str:
    annotations: Mapping[str, Any] = ((manifest or {}).get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(FORCE) or "")
