"""Every benchmark one after the other, each in a process of its own, and what came of it.

A benchmark is a module of this folder with `lines(quick)`; that it is there is enough.
"""

import importlib
import json
import math
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import results_table
from benchmarks.results_table import Line, markdown, skipped
from simcore.errors import BadDataError, unknown_name

HERE = Path(__file__).parent
PATIENCE = 300.0  # seconds for one benchmark
ALL = 870.0  # and for all together: a quarter of an hour, less what ending and printing take
LAST = (
    "growth",
    "vector_index",
    "map_redraw",
)  # left out first where time is short: they have no aims


def names() -> list[str]:
    """The benchmarks that are there, in the order in which they are run."""
    modules = [p.stem for p in HERE.glob("*.py") if "\ndef lines(" in p.read_text("utf-8")]
    return sorted(modules, key=lambda name: (name in LAST, name))


def chosen(only: Sequence[str]) -> list[str]:
    """Those that were asked for; all where none was.

    Raises:
        UnknownNameError: there is none of that name.
    """
    available = names()
    for name in only:
        if name not in available:
            raise unknown_name("benchmark", name, available)
    return [name for name in available if name in only] if only else available


def run(only: Sequence[str] = (), *, quick: bool = False) -> list[Line]:
    """Run them; progress goes to stderr. All of them are given a quarter of an hour, some no limit.

    Args:
        quick: small sizes, to see that everything runs; the numbers say little.

    Raises:
        UnknownNameError: there is no benchmark of that name.
    """
    results: list[Line] = []
    first = time.monotonic()
    for name in chosen(only):
        began = time.monotonic()
        left = math.inf if only else min(PATIENCE, first + ALL - began)
        sys.stderr.write(f"{name} ...")
        sys.stderr.flush()
        lines = apart(f"benchmarks.{name}", quick, left)
        # What is small meets any aim: that says nothing.
        results += [replace(line, aim=None) for line in lines] if quick else lines
        sys.stderr.write(f" {time.monotonic() - began:.0f} s\n")
    return results


def apart(module: str, quick: bool, patience: float = math.inf) -> list[Line]:
    """The lines of one benchmark's module, from a fresh process; a failure is a line as well."""
    name = module.rpartition(".")[2]
    if patience <= 0:
        return [skipped(name, f"no time was left; run it with --only {name}")]
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(module, quick, theirs), daemon=False)
    worker.start()
    theirs.close()
    try:
        if not ours.poll(None if patience == math.inf else patience):
            why = f"it took longer than {patience:.0f} s; --only {name} gives it all it needs"
            return [skipped(name, why)]
        answer = ours.recv()
    except EOFError:
        return [skipped(name, "its process ended without a word")]
    finally:
        _end(worker)
    return [skipped(name, answer)] if isinstance(answer, str) else answer


def _end(worker: Any) -> None:
    """First asked, so that it takes its files with it; then made to, its own children too."""
    worker.join(2)
    for how in (signal.SIGTERM, signal.SIGKILL):
        if worker.is_alive():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(worker.pid, how)
            worker.join(15)


def _leave(*_: object) -> None:
    sys.exit(1)


def _work(module: str, quick: bool, answer: Any) -> None:
    os.setsid()  # its children end with it
    signal.signal(signal.SIGTERM, _leave)
    try:
        answer.send(importlib.import_module(module).lines(quick))
    except Exception as error:
        answer.send(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


def document(lines: Sequence[Line], command: str, seconds: float, load: float) -> dict:
    """The document of `--json`: when, where, how, the load before, and every line."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": results_table.machine(),
        "command": command,
        "seconds": round(seconds, 1),
        "load_before": round(load, 2),
        "lines": [line.to_dict() for line in lines],
    }


def read(path: Path) -> list[Line]:
    """The lines of a document of `--json`, with the aims that they were measured against.

    Raises:
        BadDataError: the file is no such document.
    """
    try:
        rows = json.loads(path.read_text("utf-8"))["lines"]
        return [Line.from_dict(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadDataError(
            f"Cannot read the results {path.name}: {error}. Give a file that "
            "`python -m benchmarks --json` wrote."
        ) from error


def write(
    lines: Sequence[Line], command: str, seconds: float, load: float, *, folder: Path = HERE
) -> Path:
    """Append the table to RESULTS.md, and draw how the parts grow beside it.

    Raises:
        BadDataError: there is no RESULTS.md to append to.
    """
    from benchmarks import growth_chart  # draws with the app's packages

    path = folder / "RESULTS.md"
    if not path.is_file():
        raise BadDataError(f"found no {path}; expected the results so far; run in the source tree")
    date = datetime.now(UTC).date()
    block = (
        f"\n## {date}, {results_table.machine_text()}\n\n"
        f"`{command}`, {seconds / 60:.1f} minutes; load before {load:.1f}\n\n{markdown(lines)}\n"
    )
    drawing = growth_chart.svg(lines)
    if drawing:
        chart = growth_chart.DOCS_CHART if folder == HERE else folder / "growth.svg"
        chart.write_text(drawing, "utf-8")
        address = os.path.relpath(chart, folder).replace(os.sep, "/")
        block += f"\n![Seconds and memory by number of pairs or images]({address})\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(block)
    return path
