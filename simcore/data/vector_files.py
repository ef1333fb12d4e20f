"""Tables of vectors made elsewhere: .npy, .npz, .parquet and .csv files, read without running code.

.npy       (N, D) numbers; the ids are in NAME.ids.txt beside it, one per line
.npz       `ids` (N,) text and `values` (N, D) numbers
.parquet   a column `id`, and either one list column or one number column per dimension
.csv       the same, with one number column per dimension
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simcore import csv_text
from simcore.data import cache_dir, image_names, npz_files
from simcore.errors import BadDataError
from simcore.types import Array

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = 16 << 30  # of a file, and of the numbers that it declares
ID = "id"
KINDS = (".npy", ".npz", ".parquet", ".csv")


@dataclass(frozen=True, eq=False)
class VectorTable:
    """Vectors with the names of what they describe.

    Attributes:
        ids: N names. values: (N, D) float32.
    """

    ids: tuple[str, ...]
    values: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", check_vectors(self.values, "The vectors"))
        if len(self.ids) != len(self.values):
            raise BadDataError(
                f"There are {len(self.ids):,} ids for {len(self.values):,} vectors. Give each "
                "vector its id."
            )
        repeated = _first_repeated(self.ids)
        if repeated is not None:
            raise BadDataError(f"The id {repeated!r} has several vectors. Give it one.")


def check_vectors(values: Any, name: str) -> Array:
    """Vectors as a read-only (N, D) float32 array.

    Args:
        name: what an error calls them.

    Raises:
        BadDataError: not numbers in two dimensions, empty, not finite, or too large for float32.
    """
    array = np.asarray(values)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "fiub":
        raise BadDataError(
            f"{name} must be numbers of shape (N, D), got {array.dtype} of shape {array.shape}."
        )
    with np.errstate(over="ignore"):
        vectors = np.array(array, np.float32)
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise BadDataError(
            f"{name} must be finite float32 numbers, but row {row} has an infinite or missing one."
        )
    vectors.flags.writeable = False
    return vectors


def read(path: Path, ids: Path | None = None) -> VectorTable:
    """The vectors of a file.

    Args:
        path: one of `KINDS`.
        ids: for .npy, a text file with one id per line; by default NAME.ids.txt.

    Raises:
        BadDataError: no such file, another kind, damaged, or too large.
    """
    if not path.is_file():
        raise BadDataError(f"There is no file {str(path)!r}. Check the path.")
    if path.stat().st_size > MAX_BYTES:
        raise BadDataError(f"{path.name} is larger than {MAX_BYTES >> 30} GB. Split it.")
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise BadDataError(f"{path.name} must be one of {', '.join(KINDS)}.")
    if ids is not None and kind != ".npy":
        raise BadDataError(f"{path.name} contains its ids. A file of ids belongs to an .npy file.")
    try:
        if kind == ".npy":
            return VectorTable(_read_ids(path, ids), npz_files.open_array(path))
        if kind == ".npz":
            return _read_npz(path)
        return _from_arrow(_read_arrow(path, kind))
    except BadDataError as error:
        raise BadDataError(f"{path.name}: {error}") from error
    except (OSError, ValueError, KeyError, EOFError, MemoryError) as error:
        reason = " ".join(str(error).split())[:120]
        raise BadDataError(f"{path.name} cannot be read as {kind} ({reason}).") from error


def write(path: Path, table: VectorTable) -> None:
    """Write vectors in the form of the file's ending; `read` reads them again.

    Raises:
        BadDataError: another ending. SimError: the disk is full or not writable.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise BadDataError(f"{path.name} must end in one of {', '.join(KINDS)}.")
    if kind == ".npy" and any("\n" in name or "\r" in name for name in table.ids):
        raise BadDataError("An id contains a line break. Write .npz or .parquet instead.")
    with cache_dir.atomic_path(path) as draft, draft.open("wb") as file:
        if kind == ".npy":
            np.save(file, table.values, allow_pickle=False)
        elif kind == ".npz":
            np.savez_compressed(file, ids=np.array(table.ids), values=table.values)
        else:
            _write_arrow(file, kind, table)
    if kind == ".npy":
        cache_dir.write_atomic(_ids_beside(path), "".join(f"{i}\n" for i in table.ids).encode())


def _ids_beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}.ids.txt")


def _read_ids(path: Path, ids: Path | None) -> tuple[str, ...]:
    file = ids or _ids_beside(path)
    if not file.is_file():
        raise BadDataError(f"The ids are missing. Put one per line into {file.name}.")
    return tuple(file.read_text("utf-8-sig").splitlines())


def _read_npz(path: Path) -> VectorTable:
    arrays = npz_files.read(path, max_bytes=MAX_BYTES)
    absent = {"ids", "values"} - set(arrays)
    if absent:
        raise BadDataError(f"The array {min(absent)!r} is missing.")
    ids = arrays["ids"]
    if ids.ndim != 1 or ids.dtype.kind not in "Uiu":
        raise BadDataError("`ids` must be one text per vector.")
    return VectorTable(tuple(map(str, ids.tolist())), arrays["values"])


def _read_arrow(path: Path, kind: str) -> "pa.Table":
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        if kind == ".parquet":
            with parquet.ParquetFile(path) as file:
                sizes = [
                    file.metadata.row_group(n).total_byte_size
                    for n in range(file.metadata.num_row_groups)
                ]
                if sum(sizes) > MAX_BYTES:
                    raise BadDataError(f"The content is larger than {MAX_BYTES >> 30} GB.")
                return file.read()
        # An id such as 007 or 1e5 stays the text that it is.
        options = csv.ConvertOptions(column_types={ID: pa.string()})
        # Arrow's reader, since a matrix may have a hundred million cells.
        read_table = csv.read_csv(path, convert_options=options)
        if ID not in read_table.column_names:
            return read_table
        ids = [name and csv_text.restore(name) for name in read_table.column(ID).to_pylist()]
        position = read_table.column_names.index(ID)
        return read_table.set_column(position, ID, pa.array(ids, pa.string()))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _from_arrow(table: "pa.Table") -> VectorTable:
    import pyarrow as pa

    if ID not in table.column_names:
        names = ", ".join(map(str, table.column_names[:5]))
        raise BadDataError(f"The column `{ID}` is missing (columns: {names}).")
    ids, text = table.column(ID), (pa.types.is_string, pa.types.is_large_string)
    if ids.null_count or not any(is_kind(ids.type) for is_kind in (*text, pa.types.is_integer)):
        raise BadDataError(f"The column `{ID}` must have a text or a whole number in every row.")
    return VectorTable(tuple(map(str, ids.to_pylist())), _numbers(table.drop_columns([ID])))


def _numbers(table: "pa.Table") -> Array:
    """The one list column, or all number columns side by side."""
    import pyarrow as pa

    if table.num_columns == 1 and pa.types.is_nested(table.schema[0].type):
        return _stack_lists(table.column(0), table.column_names[0])
    # An empty column has the type null; that numbers are missing is reported below.
    numeric = (pa.types.is_floating, pa.types.is_integer, pa.types.is_null)
    other = [
        field.name for field in table.schema if not any(is_kind(field.type) for is_kind in numeric)
    ]
    if other or not table.num_columns:
        raise BadDataError(
            f"Every column but `{ID}` must be a number, or there must be one column of lists; "
            f"{other[0] if other else 'none'!r} is neither. Remove it."
        )
    if any(column.null_count for column in table.columns):
        raise BadDataError("A number is missing. Fill it in, or remove the row.")
    return np.stack([column.to_numpy() for column in table.columns], axis=1)


def _stack_lists(column: Any, name: str) -> Array:
    lists: list[Any] = column.to_pylist()
    lengths = {None if row is None else len(row) for row in lists}
    if len(lengths) != 1 or None in lengths:
        raise BadDataError(f"The lists of the column {name!r} must all have the same length.")
    return np.array(lists, np.float64)


def _write_arrow(file: Any, kind: str, table: VectorTable) -> None:
    import pyarrow as pa
    from pyarrow import csv, parquet

    values = table.values
    if kind == ".parquet":
        flat = pa.array(values.reshape(-1))
        vectors = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        parquet.write_table(pa.table({ID: list(table.ids), "vector": vectors}), file)
        return
    columns = {str(n): values[:, n] for n in range(values.shape[1])}
    ids = [csv_text.neutralize(name) for name in table.ids]
    csv.write_csv(pa.table({ID: ids, **columns}), file)


def _first_repeated(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def select(table: VectorTable, ids: Sequence[str]) -> tuple[Array, list[str]]:
    """The vectors of some ids, in their order, matched by name in any Unicode form.

    Returns:
        (n, D) vectors of the ids that have one, and the ids that have none.
    """
    row_of = {image_names.nfc(name): row for row, name in enumerate(table.ids)}
    row_of |= {name: row for row, name in enumerate(table.ids)}
    rows = [row_of.get(name, row_of.get(image_names.nfc(name))) for name in ids]
    present = [row for row in rows if row is not None]
    absent = [name for name, row in zip(ids, rows, strict=True) if row is None]
    return table.values[present], absent
