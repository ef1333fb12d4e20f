"""`python -m benchmarks`: measure every part, one table (under 15 minutes on two cores)."""

import json as json_module
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import growth_chart, results_table, runner
from simcore.errors import SimError


def bench(
    only: Annotated[str, typer.Option(help="Benchmarks, separated by commas; all if empty.")] = "",
    quick: Annotated[bool, typer.Option(help="Small sizes: whether everything runs.")] = False,
    write: Annotated[bool, typer.Option(help="Append to benchmarks/RESULTS.md.")] = False,
    html: Annotated[Path | None, typer.Option(help="The table and the chart as a page.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> None:
    """Measure every part, one table at the end; under 15 minutes on two cores."""
    began, busy = time.monotonic(), results_table.busy()
    if busy > results_table.cores() / 2:
        _note(f"other work is running (load {busy:.1f}); the seconds will be too high")
    try:
        lines = runner.run([name.strip() for name in only.split(",") if name.strip()], quick=quick)
    except SimError as error:
        _note(str(error))
        raise typer.Exit(1) from error
    seconds = time.monotonic() - began
    command = "python -m benchmarks" + (f" --only {only}" if only else "")
    command += " --quick" if quick else ""
    if json:
        print(json_module.dumps(runner.told(lines, command, seconds, busy), indent=2))
    else:
        results_table.show(lines, title=results_table.words())
    if write:
        _note(f"written to {runner.write(lines, command, seconds, busy)}")
    if html is not None:
        html.write_text(growth_chart.page(lines, results_table.words(), command), "utf-8")
        _note(f"written to {html}")


def _note(text: str) -> None:
    sys.stderr.write(f"benchmarks: {text}\n")


if __name__ == "__main__":
    typer.run(bench)
