"""atoll rollout status: where a run stands, once or until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from federation.cli.rollout.revisions import is_behind
from federation.cli.rollout.table import line, table
from federation.cli.rollout.target import names_run, newest_run, run_of, workload_of
from federation.cli.rollout.verbs import title
from federation.kube.api import Api
from federation.kube.errors import ApiError, Gone, Unreachable
from federation.resources import ROLLOUT
from policies.api.rollout import Phase, Rollout
from policies.release.telling import TERMINAL

HALTED, ROLLED_BACK, TIMED_OUT = 2, 3, 4
EXIT_CODES: dict[Phase, int] = {
    "Halted": HALTED,
    "Cancelled": HALTED,
    "Superseded": HALTED,
    "RolledBack": ROLLED_BACK,
}
"""What the command exits with; 0 for all other phases."""
_BEGIN = 10.0  # seconds that a release has to begin after its workload was changed
_AGAIN = 0.5  # seconds between looks while there is nothing to watch


async def show(api: Api, what: str, namespace: str) -> int:
    """Print where a run stands; return the exit code."""
    rollout = await run_of(api, what, namespace)
    typer.echo(table(rollout))
    return EXIT_CODES.get(rollout.status.phase, 0)


async def follow(api: Api, what: str, namespace: str, timeout: float | None) -> int:
    """Show a run until it is over or needs somebody; of a workload, also the run that supersedes it.

    :param timeout: seconds.
    """
    display = _Display()
    try:
        with display:
            async with asyncio.timeout(timeout):
                rollout = await _newest(api, what, namespace)
                while True:
                    rollout = await _settled(api, rollout, display)
                    if rollout.status.phase != "Superseded" or names_run(what):
                        return EXIT_CODES.get(rollout.status.phase, 0)
                    rollout = await _newest(api, what, namespace)
    except TimeoutError:
        last = display.last
        stands = f"{title(last)} is still {last.status.phase}" if last else f"{what}: no release began"
        typer.echo(f"error: {stands} after {timeout:.0f} s; the release itself goes on", err=True)
        return TIMED_OUT


async def _newest(api: Api, what: str, namespace: str) -> Rollout:
    """Return the run to follow. A change of the workload made a moment ago has its run soon."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _BEGIN
    while loop.time() < until:
        rollout = await newest_run(api, what, namespace)
        if rollout is not None and (names_run(what) or not await _is_history(api, rollout)):
            return rollout
        await asyncio.sleep(_AGAIN)
    rollout = await run_of(api, what, namespace)
    raise ApiError(
        f"{workload_of(rollout)}: its pod template or content has changed since {title(rollout)}, but no "
        f"release of it began within {_BEGIN:.0f} s; is there a RolloutPolicy that selects it, and does the "
        "controller run?"
    )


async def _is_history(api: Api, rollout: Rollout) -> bool:
    return rollout.status.phase in TERMINAL and await is_behind(api, rollout)


async def _settled(api: Api, rollout: Rollout, tell: Callable[[Rollout], None]) -> Rollout:
    """Watch a run until nothing more happens by itself; a torn watch is taken up again."""
    name, namespace = rollout.metadata.name, rollout.metadata.namespace
    selector = {"fieldSelector": f"metadata.name={name}"}
    tell(rollout)
    while not _is_settled(rollout):
        version = rollout.metadata.resource_version
        try:
            async with api.watch(ROLLOUT, version, namespace=namespace, selector=selector) as events:
                async for event in events:
                    if event.type == "BOOKMARK":
                        continue
                    rollout = Rollout.model_validate(event.manifest)
                    if event.type == "DELETED":
                        raise ApiError(f"{title(rollout)} was deleted; its workload stays as it is")
                    tell(rollout)
                    if _is_settled(rollout):
                        return rollout
        except (Gone, Unreachable):
            await asyncio.sleep(_AGAIN)
        rollout = await _again(api, rollout)
        tell(rollout)
    return rollout


def _is_settled(rollout: Rollout) -> bool:
    """Whether it is over or needs somebody; the controller may not have seen a verb yet."""
    status = rollout.status
    if status.phase in TERMINAL:
        return True
    return status.phase == "Halted" and status.observed_generation >= rollout.metadata.generation


async def _again(api: Api, rollout: Rollout) -> Rollout:
    with suppress(Unreachable):
        return await run_of(api, f"rollout/{rollout.metadata.name}", rollout.metadata.namespace)
    return rollout


class _Display:
    """A table that is kept up to date on a terminal; elsewhere one line for each change."""

    def __init__(self) -> None:
        console = Console()
        self.last: Rollout | None = None
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __call__(self, rollout: Rollout) -> None:
        before, self.last = self.last, rollout
        if self._live is not None:
            self._live.update(Text(table(rollout)), refresh=True)
        elif before is None or line(rollout) != line(before):
            typer.echo(line(rollout))

    def __enter__(self) -> None:
        if self._live is not None:
            self._live.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
