"""Small CSV files: columns by name, whatever their order, case or separator."""

import csv
import io
from pathlib import Path

from simcore.errors import BadDataError

_LARGEST = 200_000_000


def read_rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The named columns of a CSV with a header line; other columns are dropped.

    Args:
        path: the file, UTF-8; comma, semicolon or tab between columns.
        columns: lower-case names, all needed.

    Returns:
        A dict a line, values stripped; a line with too few columns has "" there.

    Raises:
        BadDataError: absent, not text, too large, or a column is missing.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise BadDataError(
                f"{path.name} has more than {_LARGEST:,} bytes; expected a CSV; split it"
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadDataError(
            f"{path} cannot be read ({error.strerror}); expected a CSV; check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise BadDataError(
            f"{path.name} is not UTF-8 text; expected a CSV with columns "
            f"{','.join(columns)}; save it as UTF-8"
        ) from error
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise BadDataError(
            f"{path.name} is no CSV ({error}); expected columns {','.join(columns)}; save it again"
        ) from error
    found = [name.strip().lower() for name in lines[0]] if lines else []
    absent = [name for name in columns if name not in found]
    if absent:
        raise BadDataError(
            f"{path.name} has no column {', '.join(absent)} (it has {', '.join(found) or 'none'}); "
            f"expected {','.join(columns)}; name them in the first line"
        )
    place = {name: found.index(name) for name in columns}
    return [
        {name: line[i].strip() if i < len(line) else "" for name, i in place.items()}
        for line in lines[1:]
        if any(cell.strip() for cell in line)
    ]
