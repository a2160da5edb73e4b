"""`python -m mcs` is `atoll mcs`."""

import typer

from mcs.command import mcs

if __name__ == "__main__":
    typer.run(mcs)
