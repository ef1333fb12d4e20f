"""Entry point of `simcore ...` and `python -m simcore ...`.

With SIMCORE_JOB set to a job's folder, the command runs as that background job.
"""

import os
import sys
from collections.abc import Sequence


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit status."""
    from simcore.cli.main import run as command

    return command(list(args))


def main() -> None:
    """Run the command line of this process, for the `simcore` script."""
    if os.environ.get("SIMCORE_JOB"):
        from simcore.lab import jobs

        sys.exit(jobs.run_in_job(run, sys.argv[1:]))
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
