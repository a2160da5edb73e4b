"""The commands of atoll rollout, put together. What a command does is imported when it is run, so that
`atoll --help` stays fast.
"""

from __future__ import annotations

import typer

from federation.cli.rollout import returning, seeing, steering

rollout = typer.Typer(help="See, plan and steer batched releases.", no_args_is_help=True)
rollout.command("list")(seeing.list_)
rollout.command("get", hidden=True)(seeing.list_)
for command in (
    seeing.status,
    seeing.plan,
    steering.pause,
    steering.resume,
    steering.approve,
    steering.promote,
    steering.retry,
    steering.abort,
    steering.skip_cluster,
    returning.history,
    returning.diff,
    returning.undo,
):
    rollout.command()(command)
