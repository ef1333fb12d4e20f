"""`python -m benchmarks`: measure every part, one table (under 15 minutes on two cores)."""

import json as json_module
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import growth_chart, results_table, runner
from benchmarks.results_table import Line
from simcore.errors import SimError


def bench(
    only: Annotated[str, typer.Option(help="Benchmarks, separated by commas; all if empty.")] = "",
    quick: Annotated[bool, typer.Option(help="Small sizes: whether everything runs.")] = False,
    write: Annotated[bool, typer.Option(help="Append to benchmarks/RESULTS.md.")] = False,
    html: Annotated[Path | None, typer.Option(help="The table and the chart as a page.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
    check: Annotated[
        bool, typer.Option(help="Only the parts with an aim, met or not; exit status 1 if not.")
    ] = False,
    results: Annotated[
        Path | None, typer.Option(help="With --check: a document of --json, instead of measuring.")
    ] = None,
) -> None:
    """Measure every part, one table at the end; under 15 minutes on two cores."""
    if results is not None:
        if not check:
            raise typer.BadParameter("--results needs --check")
        _check(runner.read(results))
        return
    began, load = time.monotonic(), results_table.load()
    if load > results_table.cores() / 2:
        _note(f"other work is running (load {load:.1f}); the seconds will be too high")
    try:
        lines = runner.run([name.strip() for name in only.split(",") if name.strip()], quick=quick)
    except SimError as error:
        _note(str(error))
        raise typer.Exit(1) from error
    seconds = time.monotonic() - began
    command = "python -m benchmarks" + (f" --only {only}" if only else "")
    command += " --quick" if quick else ""
    if check:
        _check(lines)
    elif json:
        print(json_module.dumps(runner.document(lines, command, seconds, load), indent=2))
    else:
        results_table.show(lines, title=results_table.machine_text())
    if write:
        _note(f"written to {runner.write(lines, command, seconds, load)}")
    if html is not None:
        html.write_text(growth_chart.page(lines, results_table.machine_text(), command), "utf-8")
        _note(f"written to {html}")


def _check(lines: Sequence[Line]) -> None:
    """Print what has an aim, and end with 1 if any aim is not met."""
    judged = [line for line in lines if line.aim is not None]
    for line in judged:
        print(results_table.text(line))
    met = sum(line.met is True for line in judged)
    missed = sum(line.met is False for line in judged)
    print(f"{met} met, {missed} not met, {len(judged) - met - missed} not measured")
    if missed or not judged:
        raise typer.Exit(1)


def _note(text: str) -> None:
    sys.stderr.write(f"benchmarks: {text}\n")


if __name__ == "__main__":
    typer.run(bench)
