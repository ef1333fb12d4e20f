"""`simcore bench`: how fast every part is, against what a user would otherwise take."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from simcore.cli import options, show
from simcore.cli.options import Json
from simcore.errors import BadDataError


def bench(
    only: Annotated[str, typer.Option(help="Benchmarks, separated by commas; all if empty.")] = "",
    quick: Annotated[bool, typer.Option(help="Small sizes: whether everything runs.")] = False,
    write: Annotated[bool, typer.Option(help="Append to benchmarks/RESULTS.md.")] = False,
    html: Annotated[Path | None, typer.Option(help="The table and the chart as a page.")] = None,
    json: Json = False,
) -> None:
    """Measure every part, one table at the end; under 15 minutes on two cores."""
    tree = Path(__file__).resolve().parents[2]
    if not (tree / "benchmarks" / "run.py").is_file():
        raise BadDataError(
            "found no benchmarks beside the package; expected the source tree; "
            "clone the repository and run `python -m benchmarks` there"
        )
    if str(tree) not in sys.path:
        sys.path.insert(0, str(tree))
    from benchmarks import chart, machine, run, table

    began, busy = time.monotonic(), machine.busy()
    if busy > machine.cores() / 2:
        show.note(f"other work is running (load {busy:.1f}): seconds will be too many")
    lines = run.run(options.names(only), quick=quick)
    seconds = time.monotonic() - began
    command = "python -m benchmarks" + (f" --only {only}" if only else "")
    command += " --quick" if quick else ""
    if json:
        show.document(run.told(lines, command, seconds, busy))
    else:
        table.show(lines, title=machine.words())
    if write:
        show.note(f"written to {run.write(lines, command, seconds, busy)}")
    if html is not None:
        html.write_text(chart.page(lines, machine.words(), command), "utf-8")
        show.note(f"written to {html}")
