"""Fields: what a user's table says about each image or pair (category, split, author, ...).

They are stored beside the images of a collection, one row per image or pair, and select rows by
SQL expressions, which LanceDB evaluates.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simcore.errors import BadDataError, unknown_name
from simcore.types import Array

if TYPE_CHECKING:
    import pyarrow as pa

FieldValue = str | int | float | bool | None
Fields = Mapping[str, FieldValue]
Cells = dict[str, FieldValue]  # column -> value, of one row
Columns = dict[str, list[FieldValue]]  # field -> values, of all images

FILE = "fields.parquet"
MAX_FIELDS, MAX_NAME, MAX_TEXT = 100, 100, 10_000
MAX_EXPRESSION = 1000  # characters
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)  # 007 is a text
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d+)?(?:[eE][-+]?\d{1,3})?", re.ASCII)
_TRUTH = {"true": True, "false": False}
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<name>`[^`]*`|"[^"]*")|(?P<word>[^\W\d]\w*)(?P<call>\s*\()?"""
    r"""|(?P<number>\d[\w.]*)|(?P<space>\s+)|(?P<sign><=|>=|<>|!=|[-+*/%=<>(),])""",
    re.VERBOSE,
)
_WORDS = frozenset(
    ("and", "or", "not", "in", "is", "null", "like", "ilike", "between", "true", "false")
)
# Only functions whose result is no longer than their input.
_FUNCTIONS = frozenset(("lower", "upper", "length", "abs", "trim"))


def clean_name(name: str) -> str:
    """A column's name as a field's name: NFC, lowercase, without surrounding space."""
    return unicodedata.normalize("NFC", name).strip().lower()


def write(folder: Path, rows: Sequence[Fields]) -> list[str]:
    """Write the fields of a collection's rows; returns their names, in the order of the table.

    Text that is a number or true or false in all rows of a field is stored as such.

    Raises:
        BadDataError: too many fields, or a name or text that is too long.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(dict.fromkeys(name for row in rows for name in row))
    if len(names) > MAX_FIELDS:
        raise BadDataError(
            f"The table has {len(names):,} columns; at most {MAX_FIELDS} are kept. Remove some."
        )
    columns = {}
    for name in names:
        if len(name) > MAX_NAME:
            raise BadDataError(
                f"The column {name[:40]!r}... has a name of over {MAX_NAME} characters."
            )
        columns[name] = pa.array(_typed([row.get(name) for row in rows], name))
    if names:
        pq.write_table(pa.table(columns), folder / FILE)
    return names


def _typed(values: list[FieldValue], name: str) -> list[FieldValue]:
    texts = [value for value in values if isinstance(value, str) and value]
    if any(len(text) > MAX_TEXT for text in texts):
        raise BadDataError(
            f"A cell in the column {name[:40]!r} has over {MAX_TEXT:,} characters. Shorten it."
        )
    plain = [None if value == "" else value for value in values]
    plain = [None if isinstance(v, float) and not math.isfinite(v) else v for v in plain]
    others = {type(value) for value in plain if value is not None} - {str}
    if texts and others:  # a column of several types is text
        return [None if value is None else str(value) for value in plain]
    if not texts:
        return (
            [float(v) if v is not None else v for v in plain] if others == {int, float} else plain
        )
    if all(_INTEGER.fullmatch(text) for text in texts):
        return [None if value is None else int(value) for value in plain]
    if all(_NUMBER.fullmatch(text) for text in texts):
        return [None if value is None else float(value) for value in plain]
    if all(text.lower() in _TRUTH for text in texts):
        return [None if value is None else _TRUTH[str(value).lower()] for value in plain]
    return [None if value is None else unicodedata.normalize("NFC", str(value)) for value in plain]


def read(folder: Path) -> "pa.Table | None":
    """The fields of a collection, one row per image or pair; None where it has none."""
    import pyarrow.parquet as pq

    path = folder / FILE
    return pq.read_table(path) if path.exists() else None


def matching_rows(table: "pa.Table", expression: str) -> Array:
    """The rows for which an SQL expression over the fields is true, in order; NULL is not true.

    Args:
        table: the fields.
        expression: such as `category = 'face' and year > 2000`; names with other characters than
            letters, digits and "_" in backquotes.

    Raises:
        BadDataError: not a usable expression. UnknownNameError: it names no field.
    """
    import lancedb
    import pyarrow as pa

    _check_expression(expression, table.column_names)
    numbered = table.append_column("__row__", pa.array(range(table.num_rows), pa.int64()))
    database = lancedb.connect("memory://")
    try:
        rows = (
            database.create_table("fields", numbered)
            .search()
            .where(expression)
            .select(["__row__"])
            .limit(max(table.num_rows, 1))
            .to_arrow()
        )
    except (ValueError, RuntimeError, OSError, TypeError) as error:
        raise BadDataError(
            f"The filter {expression[:80]!r} cannot be evaluated ({_reason(error)}). Write it "
            "as in category = 'face' and year > 2000."
        ) from error
    return np.sort(rows["__row__"].to_numpy())


def _check_expression(expression: str, names: Sequence[str]) -> None:
    """Refuse what is long, or has other words than fields, SQL's operators and a few functions."""
    if not expression.strip() or len(expression) > MAX_EXPRESSION:
        raise BadDataError(
            f"A filter must have 1 to {MAX_EXPRESSION:,} characters, not {len(expression):,}."
        )
    position = 0
    while position < len(expression):
        token = _TOKEN.match(expression, position)
        if token is None or expression.startswith("--", position):
            raise BadDataError(
                f"The filter {expression[:80]!r} has {expression[position]!r} at character "
                f"{position + 1}, which is not permitted. Put texts in single quotes."
            )
        _check_token(token, names)
        position = token.end()


def _check_token(token: re.Match[str], names: Sequence[str]) -> None:
    word, lowered = token["word"], (token["word"] or "").lower()
    if token["name"] is not None and token["name"][1:-1] not in names:
        raise unknown_name("field", token["name"][1:-1][:80], names)
    if word is None or lowered in _WORDS:
        return
    if token["call"] is not None and lowered not in names:
        if lowered not in _FUNCTIONS:
            raise unknown_name("function", word[:80], sorted(_FUNCTIONS))
    elif lowered not in names:
        raise unknown_name("field", word[:80], names)


def _reason(error: Exception) -> str:
    """The engine's own words in one line, without its source files."""
    text = str(error).split(", /")[0].split("\n")[0]
    for prefix in ("lance error: ", "Invalid input, ", "Query Execution error: "):
        text = text.removeprefix(prefix)
    return text[:200].rstrip(". ")


def values(table: "pa.Table", name: str) -> list[Any]:
    """The values of a field, one per row; None where a row has none.

    Raises:
        UnknownNameError: no such field.
    """
    if name not in table.column_names:
        raise unknown_name("field", name[:80], table.column_names)
    return list(table[name].to_pylist())
