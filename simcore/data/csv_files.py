"""Small CSV files: columns are found by name, in any order, case and with any separator."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from simcore.errors import BadDataError

MAX_BYTES = 200_000_000


def read_rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The named columns of a CSV with a header line; other columns are ignored.

    Args:
        path: the file, UTF-8; comma, semicolon or tab between columns.
        columns: lowercase names, all required.

    Returns:
        One dict {column: cell} per line, cells stripped; "" where a line has too few cells.

    Raises:
        BadDataError: the file is absent, not UTF-8 text or too large, or a column is missing.
    """
    header = ",".join(columns)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadDataError(
                f"{path.name} has more than {MAX_BYTES:,} bytes, the limit for a CSV. Split it."
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadDataError(f"{path} cannot be read ({error.strerror}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise BadDataError(
            f"{path.name} is not UTF-8 text. Save it as a UTF-8 CSV with the columns {header}."
        ) from error
    first_line = text.partition("\n")[0]
    separator = max(",;\t", key=first_line.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise BadDataError(
            f"{path.name} is not a CSV ({error}). Save it as a CSV with the columns {header}."
        ) from error
    names = [name.strip().lower() for name in lines[0]] if lines else []
    missing = [name for name in columns if name not in names]
    if missing:
        raise BadDataError(
            f"{path.name} has no column {', '.join(missing)}; its columns are "
            f"{', '.join(names) or 'none'}. Name the columns {header} in the first line."
        )
    position = {name: names.index(name) for name in columns}
    return [
        {name: line[i].strip() if i < len(line) else "" for name, i in position.items()}
        for line in lines[1:]
        if any(cell.strip() for cell in line)
    ]


def write(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""Headings and rows as CSV text; None becomes an empty cell.

    >>> write(("name", "hits"), [("hog", 3), ("a,b", None)])
    'name,hits\nhog,3\n"a,b",\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
