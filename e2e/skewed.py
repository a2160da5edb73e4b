"""Runs a module of Python whose clock on the wall is wrong: `python skewed.py SECONDS MODULE [ARGUMENT...]`.

Clocks that count from the start are right, as they are on a machine with a wrong time.
"""

from __future__ import annotations

import datetime
import runpy
import sys
import time

SHIFT = float(sys.argv[1])
_time = time.time


class _Skewed(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> _Skewed:
        return super().now(tz) + datetime.timedelta(seconds=SHIFT)


time.time = lambda: _time() + SHIFT
datetime.datetime = _Skewed  # type: ignore[misc]
module = sys.argv[2]
sys.argv = [module, *sys.argv[3:]]
runpy.run_module(module, run_name="__main__", alter_sys=True)
