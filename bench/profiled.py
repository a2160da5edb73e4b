"""The controller under a profiler: `python -m bench.profiled FILE [arguments of federation]`.

It counts CPU time, not the clock: waiting, and neighbours on the machine, do not show.
"""

from __future__ import annotations

import cProfile
import runpy
import sys
import time


def main() -> None:
    path, *arguments = sys.argv[1:]
    sys.argv = ["federation", *arguments]
    profile = cProfile.Profile(time.process_time)
    try:
        profile.runcall(runpy.run_module, "federation", run_name="__main__")
    finally:
        profile.dump_stats(path)


if __name__ == "__main__":
    main()
