"""What a person reads and what a program reads: the table, and the JSON with every measurement behind it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from bench.bursts import Bursts
from bench.deciding import Rates
from bench.figures import Figure
from bench.latency import Latencies
from bench.overriding import Edit
from bench.releases import Releases
from bench.restarts import Restart
from bench.services import Measured
from federation.sandbox.versions import KUBERNETES


@dataclass
class Results:
    """Every measurement of one run, and the figures made of them."""

    bursts: list[Bursts] = field(default_factory=list)
    latencies: Latencies | None = None
    releases: list[Releases] = field(default_factory=list)
    services: Measured | None = None
    rates: Rates | None = None
    restart: Restart | None = None
    edit: Edit | None = None
    figures: list[Figure] = field(default_factory=list)


def show(figures: Sequence[Figure]) -> None:
    table = Table("figure", title="Atoll beside a bare loop")
    for column in ("unit", "Atoll", "bare loop", "ratio", "target", "reached"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        bare = "" if figure.bare is None else _number(figure.bare)
        target = "" if figure.target is None else str(figure.target)
        reached = {None: "", True: "[green]yes", False: "[red]no"}[figure.reached]
        table.add_row(
            figure.name, figure.unit, _number(figure.atoll), bare, ratio, target, reached, figure.detail
        )
    Console(width=160).print(table)


def write(results: Results, path: Path) -> None:
    """Write it all as JSON."""
    figures = [
        _plain(figure) | {"ratio": figure.ratio, "reached": figure.reached} for figure in results.figures
    ]
    document = {
        "machine": {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "kubernetes": KUBERNETES,
        },
        "figures": figures,
        "bursts": _plain(results.bursts),
        "latencies": _plain(results.latencies),
        "releases": _plain(results.releases),
        "services": _plain(results.services),
        "rates": _plain(results.rates),
        "restart": _plain(results.restart),
        "edit": _plain(results.edit),
    }
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def _plain(value: Any) -> Any:
    """Turn measurements into what JSON can hold; a count by kind of write becomes an object by its name."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
