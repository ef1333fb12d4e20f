"""`simcore bench`: run `python -m benchmarks` of the source tree."""

import subprocess
import sys
from pathlib import Path

import typer

from simcore.errors import BadDataError

# Options belong to `python -m benchmarks`; they are passed on as they are.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def bench(context: typer.Context) -> None:
    """Run the benchmarks (needs the source tree); `simcore bench --help` lists their options."""
    tree = Path(__file__).resolve().parents[2]
    if not (tree / "benchmarks" / "__main__.py").is_file():
        raise BadDataError(
            "The benchmarks are not part of the package. "
            "Clone the repository and run `python -m benchmarks` there."
        )
    command = [sys.executable, "-m", "benchmarks", *context.args]
    done = subprocess.run(command, cwd=tree, check=False)
    raise typer.Exit(done.returncode)
