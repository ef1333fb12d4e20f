"""CSV text: the one writer and the one parser of the product.

Text that people typed may begin like a formula (`=HYPERLINK(...)`), which a spreadsheet would run
when the file is opened. `write` puts an apostrophe before it, as spreadsheets do for text, and
`parse` takes it away again.
"""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simcore.errors import BadDataError

SEPARATORS, QUOTE = ",;\t|", '"'
_QUOTED = re.compile(r'[,;\t|"\r\n]|^ | $')
# A spreadsheet reads a formula at the start of a cell. A cell may also start after a separator
# inside a text, because the computer that opens the file may separate columns by it.
_START = r"((?:^|[;\t\r\n|])\"*)"
_FORMULA = r"(?=[=+\-@\t\r＝＋－＠])"
_UNSAFE = re.compile(f"{_START}('*){_FORMULA}")
_NEUTRALIZED = re.compile(f"{_START}'('*){_FORMULA}")
_NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?"
_HARMLESS = re.compile(rf"{_NUMBER} ?%?(?: +\[{_NUMBER}, {_NUMBER}\])?|[-+]")
_EXCEL_SEPARATOR = re.compile(r'"?sep=(.)"?[ ,;\t]*(\r\n|\r|\n|$)', re.IGNORECASE)


@dataclass(frozen=True)
class CsvRow:
    """One row of a CSV.

    Attributes:
        line: the line of the text on which the row begins, from 1.
        cells: column -> its text, stripped; "" where the row has too few cells.
    """

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


@dataclass(frozen=True)
class CsvTable:
    """The rows of a CSV, its columns, lowercase, and what separates its cells."""

    columns: tuple[str, ...]
    rows: tuple[CsvRow, ...]
    separator: str = ","


def neutralize(text: str) -> str:
    """A text that no spreadsheet takes for a formula; numbers stay as they are.

    >>> neutralize("=1+1"), neutralize("-0.07"), neutralize("a=b")
    ("'=1+1", '-0.07', 'a=b')
    """
    return text if _HARMLESS.fullmatch(text) else _UNSAFE.sub(r"\1'\2", text)


def restore(text: str) -> str:
    """The text that `neutralize` was given.

    >>> restore("'=1+1"), restore("'tis")
    ('=1+1', "'tis")
    """
    return _NEUTRALIZED.sub(r"\1\2", text)


def write(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""Headings and rows as CSV text; None and NaN become empty cells.

    >>> write(("name", "hits"), [("hog", 3), ("=a,b", None)])
    'name,hits\nhog,3\n"\'=a,b",\n'
    """
    lines = [",".join(map(_cell, row)) or '""' for row in (columns, *rows)]
    return "".join(f"{line}\n" for line in lines)


def _cell(value: object) -> str:
    """The text of a cell; Python's own writer leaves a carriage return unquoted before 3.13."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = neutralize(value) if isinstance(value, str) else str(value)
    return f'"{text.replace(QUOTE, 2 * QUOTE)}"' if _QUOTED.search(text) else text


def parse(
    text: str, columns: Sequence[str] = (), *, name: str = "the CSV", equal_lengths: bool = False
) -> CsvTable:
    """The rows of CSV text with a header line.

    The separator is the one named by Excel's `sep=;` line, or else the one of `SEPARATORS` that
    gives the columns needed. Empty lines are skipped.

    Args:
        text: decoded, without a byte order mark.
        columns: lowercase names that are needed; the table may have others.
        name: the file, for messages.
        equal_lengths: refuse a row with fewer cells than the header.

    Raises:
        BadDataError: a column is missing or occurs twice, a row has more cells than the header, a
            quotation mark is not closed, or a cell is larger than 128 KiB.
    """
    if "\0" in text:
        raise BadDataError(
            f"There are zero bytes in {name}, so it is not text. Save it as a UTF-8 CSV."
        )
    separator, skipped_lines = "", 0
    if match := _EXCEL_SEPARATOR.match(text):
        separator, skipped_lines, text = match[1], 1, text[match.end() :]
    separator = separator or max(SEPARATORS, key=lambda s: _header_fit(text, s, columns))
    records = _records(text, separator, name, skipped_lines)
    header = [_column_name(cell) for cell in records[0][1]] if records else []
    while header and not header[-1]:
        header.pop()
    _check_header(header, columns, name)
    rows = []
    for line, cells in records[1:]:
        if any(cells[len(header) :]) or (equal_lengths and len(cells) < len(header)):
            raise BadDataError(
                f"Line {line} of {name} has {len(cells)} cells, but the header has {len(header)}. "
                "Write one cell per column, in quotes if it contains the separator."
            )
        padded = cells + [""] * (len(header) - len(cells))
        rows.append(CsvRow(line, dict(zip(header, padded, strict=False))))
    return CsvTable(tuple(header), tuple(rows), separator)


def _records(
    text: str, separator: str, name: str, skipped_lines: int = 0
) -> list[tuple[int, list[str]]]:
    """(line, stripped cells) of all records that are not empty."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True
    )
    records = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                stripped = [restore(cell.strip()) for cell in cells]
                records.append((skipped_lines + line, stripped))
            line = reader.line_num + 1
    except csv.Error as error:
        place = f"Line {skipped_lines + line} of {name}"
        if "unexpected end of data" in str(error):
            raise BadDataError(
                f"{place} opens a quotation mark that is never closed. Close or remove it."
            ) from error
        raise BadDataError(
            f"{place} is not valid CSV ({error}). Put cells that contain quotation marks or "
            "separators in quotes, and double the quotation marks inside."
        ) from error
    return records


def _header_fit(text: str, separator: str, columns: Sequence[str]) -> tuple[int, int]:
    """How well a separator fits the header: needed columns, then all columns."""
    lines = io.StringIO(text.lstrip(), newline="")
    try:
        header = next(csv.reader(lines, delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return 0, 0
    return len({_column_name(cell) for cell in header} & set(columns)), len(header)


def _column_name(cell: str) -> str:
    return unicodedata.normalize("NFC", cell.strip().strip("\ufeff")).lower()


def _check_header(header: list[str], columns: Sequence[str], name: str) -> None:
    needed = ",".join(columns)
    missing = [column for column in columns if column not in header]
    if missing:
        listing = ", ".join(column[:30] for column in header[:20])
        raise BadDataError(
            f"{name} has no column {', '.join(missing)}; its columns are {listing or 'none'}. "
            f"Name the columns {needed} in the first line."
        )
    repeated = next((column for column in header if column and header.count(column) > 1), None)
    if repeated is not None:
        raise BadDataError(
            f"The column {repeated[:30]} occurs twice in {name}. Rename one of them."
        )
