"""CSV files of users; columns are found by name, in any order, case and with any separator."""

from collections.abc import Sequence
from pathlib import Path

from simcore import csv_text
from simcore.csv_text import CsvRow, CsvTable
from simcore.data import text_files

MAX_BYTES = 200_000_000


def read(path: Path, columns: Sequence[str]) -> CsvTable:
    """The table of a CSV file with a header line.

    Args:
        path: the file, UTF-8 or UTF-16; comma, semicolon, tab or bar between columns.
        columns: lowercase names, all required.

    Raises:
        BadDataError: the file is absent, not text, too large or damaged, or a column is missing.
    """
    text = text_files.read_text(path, MAX_BYTES)
    return csv_text.parse(text, columns, name=path.name)


def read_rows(path: Path, columns: Sequence[str]) -> tuple[CsvRow, ...]:
    """The rows of a CSV file; see `read`."""
    return read(path, columns).rows
