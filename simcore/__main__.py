"""The command line's entry: `simcore ...` and `python -m simcore ...`."""

import sys
from collections.abc import Sequence


def run(args: Sequence[str]) -> int:
    """Run one command line; returns its exit status; bad input gets a sentence."""
    from simcore.cli.app import run as command

    return command(list(args))


def main() -> None:
    """What the `simcore` script calls."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
