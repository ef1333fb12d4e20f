"""`python -m benchmarks`: measure every part and print one table (under 15 minutes on two cores)."""

import json as json_module
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import chart, machine, run, table
from simcore.errors import SimError


def bench(
    only: Annotated[str, typer.Option(help="Benchmarks, separated by commas; all if empty.")] = "",
    quick: Annotated[bool, typer.Option(help="Small sizes: whether everything runs.")] = False,
    write: Annotated[bool, typer.Option(help="Append to benchmarks/RESULTS.md.")] = False,
    html: Annotated[Path | None, typer.Option(help="The table and the chart as a page.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> None:
    """Measure every part, one table at the end; under 15 minutes on two cores."""
    began, busy = time.monotonic(), machine.busy()
    if busy > machine.cores() / 2:
        _note(f"other work is running (load {busy:.1f}); the seconds will be too high")
    try:
        lines = run.run([name.strip() for name in only.split(",") if name.strip()], quick=quick)
    except SimError as error:
        _note(str(error))
        raise typer.Exit(1) from error
    seconds = time.monotonic() - began
    command = "python -m benchmarks" + (f" --only {only}" if only else "")
    command += " --quick" if quick else ""
    if json:
        print(json_module.dumps(run.told(lines, command, seconds, busy), indent=2))
    else:
        table.show(lines, title=machine.words())
    if write:
        _note(f"written to {run.write(lines, command, seconds, busy)}")
    if html is not None:
        html.write_text(chart.page(lines, machine.words(), command), "utf-8")
        _note(f"written to {html}")


def _note(text: str) -> None:
    sys.stderr.write(f"benchmarks: {text}\n")


if __name__ == "__main__":
    typer.run(bench)
