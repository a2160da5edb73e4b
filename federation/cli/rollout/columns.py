"""Tables as kubectl prints them: columns of text, never cut, good for people and for awk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def columns(rows: Iterable[Sequence[object]]) -> str:
    """Align rows; the first is the header."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def age(stamp: str, now: datetime | None = None) -> str:
    """Return how long ago a time of the API was, in its largest unit: `45s`, `3m`, `2h`, `5d`."""
    if not stamp:
        return "-"
    then = datetime.fromisoformat(stamp)
    return duration(max(0, int(((now or datetime.now(UTC)) - then).total_seconds())))


def duration(seconds: int) -> str:
    """Return seconds in the largest unit they fill."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
