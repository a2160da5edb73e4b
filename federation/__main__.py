"""`python -m federation` is `atoll controller`."""

import sys

from federation.cli.main import app

if __name__ == "__main__":
    app(["controller", *sys.argv[1:]], prog_name="atoll")
