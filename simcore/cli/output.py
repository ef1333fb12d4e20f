"""Printing: one JSON document, one CSV or one table on stdout; everything else on stderr."""

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from simcore import csv_text
from simcore.errors import BadDataError, redact
from simcore.results import Table
from simcore.types import Monitor, OnProgress, Progress, Skipped

STOPPED = 143  # exit status of a command that was stopped: 128 + SIGTERM, as in shells


def accept_any_text() -> None:
    """Let stdout and stderr take any text: what their encoding lacks is written as an escape.

    A terminal or pipe may be cp1252 or ASCII, and a file name that is no UTF-8 has no encoding.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard() -> None:
    """Drop what is not written yet; otherwise Python's own flush at exit would fail again."""
    with suppress(OSError, ValueError):  # a stream without a file, in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def document(value: Any) -> None:
    """Print one JSON document on stdout."""
    text = json.dumps(value, indent=2, allow_nan=False)
    if redact(text) != text:
        text = json.dumps(_redacted(value), indent=2, allow_nan=False)
    sys.stdout.write(text + "\n")


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(inner) for name, inner in value.items()}
    return [_redacted(inner) for inner in value] if isinstance(value, list | tuple) else value


def lines(texts: Iterable[str]) -> None:
    """Print plain lines on stdout."""
    sys.stdout.writelines(f"{redact(text)}\n" for text in texts)


def csv(text: str, *, json: bool = False) -> None:
    """Print CSV on stdout, or as JSON with one object per row."""
    if json:
        document([dict(row.cells) for row in csv_text.parse(text).rows])
    else:
        sys.stdout.write(redact(text))


def save(path: Path, text: str) -> None:
    """Write a file that the user named, without passwords, and say so on stderr.

    Raises:
        BadDataError: it cannot be written.
    """
    try:
        path.write_text(redact(text), "utf-8", errors="backslashreplace")
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadDataError(
            f"Cannot write {str(path)[:200]!r} ({reason}). Name a file in a folder that exists."
        ) from error
    note(f"Wrote {path}.")


def note(text: str) -> None:
    """Print a line on stderr, so that stdout stays one document."""
    with suppress(OSError):  # a closed or full stderr does not change the result
        sys.stderr.write(redact(text) + "\n")


def table(
    table: Table | Sequence[str], rows: Sequence[Sequence[Any]] = (), *, title: str = ""
) -> None:
    """Print a table on stdout, its notes on stderr; numbers are aligned to the right.

    Args:
        table: a result's table, or only the headings of `rows`.
    """
    if not isinstance(table, Table):
        table = Table(tuple(table), tuple(tuple(row) for row in rows), title)
    _print_grid(table)
    for sentence in table.notes:
        note(sentence)


def _print_grid(table: Table) -> None:
    from rich import table as rich_table
    from rich.console import Console
    from rich.markup import escape

    grid = rich_table.Table(title=table.title or None, title_justify="left", title_style="bold")
    for column, name in enumerate(table.columns):
        numeric = all(isinstance(row[column], int | float | None) for row in table.rows)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in table.rows:
        # A backbone's name may have brackets, which are markup otherwise.
        grid.add_row(*[escape(cell_text(cell)) for cell in row])
    console = Console()
    # A pipe has no width of its own, and in rich's 80 columns numbers would wrap.
    Console(width=None if console.is_terminal else 120).print(grid)


def cell_text(cell: Any) -> str:
    """A table's cell in words: None is empty, whole numbers get thousands separators."""
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) else redact(str(cell))


def left_out(skipped: Sequence[Skipped]) -> None:
    """Name the first twenty images that could not be used."""
    for item in skipped[:20]:
        note(f"  left out {item.name}: {item.reason}")
    if len(skipped) > 20:
        note(f"  and {len(skipped) - 20:,} more; --json lists all of them")


@contextmanager
def monitor() -> Iterator[Monitor]:
    """Progress bars on stderr, or in the job's folder; SIGTERM stops."""
    from simcore.lab import jobs

    with progress() as bar, jobs.monitor(bar) as combined:
        yield combined


@contextmanager
def progress() -> Iterator[OnProgress]:
    """A callback that draws one progress bar per stage on stderr, with rate and time left."""
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
