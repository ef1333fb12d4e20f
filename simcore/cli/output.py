"""How the command line prints: one JSON document on stdout, or a table; the rest goes to stderr."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from simcore.types import Monitor, OnProgress, Progress, Skipped

STOPPED = 143  # 128 + SIGTERM, as shells count it


def document(value: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def lines(texts: Iterable[str]) -> None:
    """Print plain lines on stdout, for other programs."""
    sys.stdout.writelines(f"{text}\n" for text in texts)


def csv(text: str, *, json: bool = False) -> None:
    """Print a CSV on stdout, or as JSON one object a row."""
    if json:
        from csv import DictReader
        from io import StringIO

        document(list(DictReader(StringIO(text))))
    else:
        sys.stdout.write(text)


def note(text: str) -> None:
    """Print a line for people on stderr, so that stdout stays one document."""
    sys.stderr.write(text + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
    """Print a table on stdout; numbers to the right."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    grid = Table(title=title or None, title_justify="left", title_style="bold")
    for column, name in enumerate(head):
        numeric = all(isinstance(row[column], int | float) for row in rows)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        # A backbone's name may have brackets, which are markup otherwise.
        grid.add_row(*[f"{cell:,}" if isinstance(cell, int) else escape(str(cell)) for cell in row])
    console = Console()
    # A pipe has no width of its own; 80 columns would fold numbers into ribbons.
    Console(width=None if console.is_terminal else 120).print(grid)


def left_out(skipped: Sequence[Skipped]) -> None:
    """Name what could not be used, the first twenty of it."""
    for one in skipped[:20]:
        note(f"  left out {one.name}: {one.reason}")
    if len(skipped) > 20:
        note(f"  and {len(skipped) - 20:,} more; --json names them all")


@contextmanager
def monitor() -> Iterator[Monitor]:
    """Progress bars on stderr (or in the job's folder), and a stop on SIGTERM."""
    from simcore.lab import jobs

    with progress() as bar, jobs.monitor(bar) as both:
        yield both


@contextmanager
def progress() -> Iterator[OnProgress]:
    """A callback that draws one bar a stage on stderr, with rate and time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>10}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def report(now: Progress) -> None:
            if now.stage not in tasks:
                tasks[now.stage] = bars.add_task(now.stage, total=now.total, rate="")
            rate = f"{now.rate:,.0f}/s" if now.rate >= 1 else ""
            bars.update(tasks[now.stage], completed=now.done, total=now.total or None, rate=rate)

        yield report


def size(count: float) -> str:
    """Bytes for people.

    >>> size(0), size(1536), size(22_466_066)
    ('0 B', '1.5 KB', '21.4 MB')
    """
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")
