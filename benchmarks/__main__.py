"""`python -m benchmarks`: the same as `simcore bench`."""

import sys

from simcore.cli.app import run

if __name__ == "__main__":
    sys.exit(run(["bench", *sys.argv[1:]]))
