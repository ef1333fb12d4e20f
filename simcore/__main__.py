"""The command line's entry: `simcore ...` and `python -m simcore ...`.

With SIMCORE_JOB set to a job's folder, the same command runs as that background job.
"""

import os
import sys
from collections.abc import Sequence


def run(args: Sequence[str]) -> int:
    """Run one command line; returns its exit status; bad input gets a sentence."""
    from simcore.cli.main import run as command

    return command(list(args))


def main() -> None:
    """What the `simcore` script calls."""
    if os.environ.get("SIMCORE_JOB"):
        from simcore.lab import jobs

        sys.exit(jobs.run_in_job(run, sys.argv[1:]))
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
