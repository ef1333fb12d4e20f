"""Printing: one JSON document, one CSV or tables on stdout; everything else on stderr.

`document` wraps every JSON document into the same envelope. What the envelope holds besides the
result is noted while the command runs: `begin` starts it, options call `remember_*`.
"""

import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from simcore import csv_text, latex_text
from simcore.cli import wrapping
from simcore.errors import BadDataError, SimError, redact
from simcore.results import Table, TableResult, cell_text, to_dict
from simcore.types import JSON, Monitor, OnProgress, Progress, Skipped

if TYPE_CHECKING:
    from rich.table import Table as RichTable

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


@dataclass
class _Invocation:
    """What the envelope holds about the running command.

    Attributes:
        command: such as "evaluate recall"; empty until it is known.
        context: has the values of its options; None until they are parsed.
        data: name of the collection or judgement set.
        backbones: names or @groups, as far as the command uses any.
        notes: warnings about the result.
        files: format of `WRITERS` -> where the tables are to be written.
    """

    command: str = ""
    context: typer.Context | None = None
    data: str = ""
    backbones: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)


_INVOCATION: ContextVar[_Invocation | None] = ContextVar("invocation", default=None)


def begin(command: str = "") -> None:
    """Forget the command before; called when a command line starts."""
    _INVOCATION.set(_Invocation(command))


def _invocation() -> _Invocation:
    if (current := _INVOCATION.get()) is None:
        begin()
        return _invocation()
    return current


def remember_context(context: typer.Context) -> None:
    """Note the command whose options the envelope lists."""
    _invocation().context = context


def remember_data(name: str) -> str:
    """Note which collection or judgement set the command is about; returns it."""
    _invocation().data = name
    return name


def remember_backbones(names: Iterable[str]) -> list[str]:
    """Note which backbones the command uses, the distinct ones of all calls; returns them."""
    names = list(names)
    current = _invocation()
    current.backbones = list(dict.fromkeys([*current.backbones, *names]))
    return names


def remember_files(files: Mapping[str, Path | None]) -> None:
    """Note where the tables are to be written, by format."""
    _invocation().files = {name: path for name, path in files.items() if path is not None}


SCHEMA = 1  # of the envelope; raised when a field is renamed or removed


def document(result: Any) -> None:
    """Print a result on stdout as one JSON document, in the envelope of all commands."""
    # Reports that are no `Result` choose their fields themselves as well.
    value = result.to_dict() if hasattr(result, "to_dict") else result
    _print_json(_envelope() | {"result": to_dict(value)})


def failure(sentence: str) -> None:
    """Print an error on stdout, in the envelope of all commands."""
    _print_json(_envelope() | {"error": sentence})


def _envelope() -> JSON:
    """What was asked: the command, its data and settings, and the networks behind the numbers."""
    from importlib import metadata

    current = _invocation()
    data = backbones = None
    # Of a failing command, the data and backbones are listed as far as they can be read.
    with suppress(SimError, OSError):
        from simcore.lab.library import records

        data = records.data(current.data) if current.data else None
        backbones = records.backbones(current.backbones, data)
    return {
        "schema": SCHEMA,
        "simcore": metadata.version("simcore"),
        "command": current.command,
        "collection": to_dict(data),
        "settings": _settings(current),
        "backbones": to_dict(backbones or ()),
        "notes": list(current.notes),
    }


WRITERS: dict[str, Callable[[Table], str | bytes]] = {
    "csv": Table.to_csv,
    "parquet": Table.to_parquet,
    "latex": Table.to_latex,
}
# Options that the envelope does not repeat: how and where the result is written, and `models`.
_ELSEWHERE = {"json", "models", *WRITERS, "html", "markdown"}


def _settings(current: _Invocation) -> JSON:
    """The options as they were applied, defaults included, by the names of the options."""
    if current.context is None:
        return {}
    return {
        name: to_dict(value)
        for name, value in sorted(current.context.params.items())
        if name not in _ELSEWHERE and not (name == "name" and value == current.data)
    }


def _print_json(value: JSON) -> None:
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


def print_csv(table: Table, *, json: bool) -> None:
    """Print a table on stdout as CSV, or as JSON with one object per row; write the files."""
    write_files([table])
    csv(table.to_csv(), json=json)


def csv(text: str, *, json: bool = False) -> None:
    """Print CSV on stdout, or as JSON with one object per row."""
    if json:
        document([dict(row.cells) for row in csv_text.parse(text).rows])
    else:
        sys.stdout.write(redact(text))


def save(path: Path, content: str | bytes) -> None:
    """Write a file that the user named, without passwords, and say so on stderr.

    Raises:
        BadDataError: it cannot be written.
    """
    try:
        if isinstance(content, str):
            path.write_text(redact(content), "utf-8", errors="backslashreplace")
        else:
            path.write_bytes(content)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadDataError(
            f"Cannot write {str(path)[:200]!r} ({reason}). Name a file in a folder that exists."
        ) from error
    note(f"Wrote {path}.")


def result(value: TableResult, *, json: bool) -> None:
    """Print a result as one JSON document or as a table, and write the files asked for."""
    show(value, value.to_table(), json=json)


def show(value: Any, *tables: Table, json: bool, empty: str = "") -> None:
    """Print a value as one JSON document, or the tables that show it to people.

    The tables are also written to the files that --csv, --parquet and --latex name: several to
    one LaTeX file, or to FILE, FILE-2, ... in a format that holds one table per file.

    Args:
        empty: printed on stderr instead of a table without rows.

    Raises:
        BadDataError: a file cannot be written.
    """
    write_files(tables)
    if json:
        document(value)
        return
    for each in tables:
        if empty and not each.rows:
            note(empty)
        else:
            table(each)


def write_files(tables: Sequence[Table], *, latex: Sequence[Table] = ()) -> None:
    """Write tables to the files that --csv, --parquet and --latex name, without passwords.

    Args:
        latex: written by --latex instead, where `tables` are too wide for a page.

    Raises:
        BadDataError: a file cannot be written.
    """
    for name, path in _invocation().files.items():
        chosen = latex if latex and name == "latex" else tables
        contents = [WRITERS[name](_without_passwords(each)) for each in chosen]
        if name == "latex":
            save(path, "\n\n".join([latex_text.PACKAGES, *map(str, contents)]) + "\n")
            continue
        for number, content in enumerate(contents, start=1):
            numbered = path.with_stem(f"{path.stem}-{number}") if number > 1 else path
            save(numbered, content)


def _without_passwords(table: Table) -> Table:
    rows = tuple(
        tuple(redact(cell) if isinstance(cell, str) else cell for cell in row) for row in table.rows
    )
    return replace(table, rows=rows)


def warn(text: str) -> None:
    """A sentence that readers of the result need: on stderr, and in the JSON document."""
    if text not in _invocation().notes:
        _invocation().notes.append(text)
        note(text)


def note(text: str) -> None:
    """Print a line on stderr, so that stdout stays one document."""
    with suppress(OSError):  # a closed or full stderr does not change the result
        sys.stderr.write(redact(text) + "\n")


def confirm_download(question: str) -> None:
    """Ask before a download; "no" is no interruption, and ends the command with status 1."""
    if not typer.confirm(question, err=True):
        note("Nothing was downloaded.")
        raise typer.Exit(1)


def table(
    table: Table | Sequence[str], rows: Sequence[Sequence[Any]] = (), *, title: str = ""
) -> None:
    """Print a table on stdout, its notes on stderr; numbers are aligned to the right.

    Of a table without rows whose notes say why, only the title is printed.

    Args:
        table: a result's table, or only the headings of `rows`.
    """
    if not isinstance(table, Table):
        table = Table(tuple(table), tuple(tuple(row) for row in rows), title)
    if table.rows or not table.notes:
        _print_grid(table)
    elif table.title:
        lines([table.title])
    for sentence in table.notes:
        note(sentence)


def _print_grid(table: Table) -> None:
    """Print a table, its columns beneath each other where they do not fit beside each other."""
    from rich.console import Console
    from rich.text import Text

    # A pipe has no width of its own, and in rich's 80 columns long names would wrap.
    has_width = Console().is_terminal or "COLUMNS" in os.environ
    console = Console(width=None if has_width else PIPE_WIDTH)
    texts = [list(table.columns), *([redact(cell_text(c)) for c in row] for row in table.rows)]
    columns = list(zip(*texts, strict=True))
    # Where space is short, text is wrapped, not numbers and their intervals.
    is_numbers = [all(_NUMBERS.fullmatch(text) for text in column[1:]) for column in columns]
    flexible = [not each for each in is_numbers]
    numeric = [
        all(isinstance(row[number], int | float | None) for row in table.rows)
        for number in range(len(columns))
    ]
    if table.title:  # not in the grid, which may be narrower
        console.print(Text(table.title, style="bold"))
    for block in wrapping.blocks(texts, flexible, console.width):
        part = [[row[number] for number in block] for row in texts]
        part = wrapping.fit(part, [flexible[number] for number in block], console.width)
        settings = [(numeric[number], is_numbers[number]) for number in block]
        console.print(_grid(part, settings))


def _grid(texts: Sequence[Sequence[str]], settings: Sequence[tuple[bool, bool]]) -> "RichTable":
    """A table of rich; its first row holds the headings.

    Args:
        settings: of each column, whether it is aligned to the right, and whether it never wraps.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table as RichTable

    grid = RichTable(
        box=box.SIMPLE_HEAD,  # frames would cost a fifth of 80 columns
        pad_edge=False,
        padding=(0, 1),
        show_edge=False,
    )
    head, *body = texts
    for name, (to_right, no_wrap) in zip(head, settings, strict=True):
        justify: Literal["left", "right"] = "right" if to_right else "left"
        grid.add_column(escape(name), justify=justify, overflow="fold", no_wrap=no_wrap)
    for row in body:
        # A backbone's name may have brackets, which are markup otherwise.
        grid.add_row(*[escape(text) for text in row])
    return grid


PIPE_WIDTH = 120
_NUMBERS = re.compile(r"[\d\s.,%\[\]+-]*")


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
def resumable_monitor() -> Iterator[Monitor]:
    """As `monitor`, for a command that resumes when it is run again: a stop is no error.

    Raises:
        typer.Exit: it was stopped; the message has been printed.
    """
    from simcore.errors import Stopped

    with monitor() as combined:
        try:
            yield combined
        except Stopped as stopped:
            note(str(stopped))
            raise typer.Exit(STOPPED) from stopped


@contextmanager
def progress() -> Iterator[OnProgress]:
    """A callback that draws one progress bar per stage on stderr, with rate and time left.

    Where stderr is no terminal, it prints one plain line every `PROGRESS_INTERVAL` seconds.
    """
    if not sys.stderr.isatty():
        yield _plain_progress()
        return
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


PROGRESS_INTERVAL = 30.0  # seconds between two plain lines


def _plain_progress() -> OnProgress:
    last = time.monotonic()

    def report(now: Progress) -> None:
        nonlocal last
        if time.monotonic() - last < PROGRESS_INTERVAL:
            return
        last = time.monotonic()
        total = f" of {now.total:,} ({now.done / now.total:.0%})" if now.total else ""
        rate = f", {_rate(now.rate)}" if now.rate > 0 else ""
        left = now.seconds_left or 0
        remaining = f", {left / 60:,.0f} min left" if left >= 60 else ""
        whole = f"; {now.share:.0%} overall" if now.overall is not None else ""
        note(f"{now.stage}: {now.done:,}{total}{rate}{remaining}{whole}")

    return report


def _rate(per_second: float) -> str:
    """Units per second, or seconds per unit where that is the larger number."""
    return f"{per_second:,.1f}/s" if per_second >= 1 else f"{1 / per_second:,.1f} s each"
