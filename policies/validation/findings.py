"""What validation finds: denials, which keep an object out, and advice, which only warns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with one field, and the remedy."""

    field: str
    """The path of the field, as in `spec.placement.clusterTolerations[0].key`."""
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}; {self.remedy}"


class Denial(Finding):
    """A mistake that can't be carried out as written."""


class Advice(Finding):
    """Something that can be carried out but hardly is what was meant, or may become right later."""
