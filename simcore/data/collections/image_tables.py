"""Images with fields: tables (CSV, Parquet, JSON lines), Hugging Face folders, FiftyOne exports.

Parquet may hold the images themselves, as Hugging Face stores them; they are written as files.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from simcore.data import csv_files, image_names, images, text_files
from simcore.data.collections import fields
from simcore.data.collections.collection_draft import CollectionDraft, DraftRow, drop_repeated
from simcore.data.collections.fields import Cells, Fields
from simcore.data.image_names import PathResolver
from simcore.errors import BadDataError
from simcore.types import Skipped

if TYPE_CHECKING:
    import pyarrow as pa

CSV_SUFFIXES = (".csv", ".tsv")
SUFFIXES = (*CSV_SUFFIXES, ".parquet", ".jsonl")
FILE_COLUMNS = (
    *("file_name", "filename", "file", "path", "filepath", "file_path"),
    *("image", "image_path", "img"),
)
METADATA = tuple(f"metadata{suffix}" for suffix in (".csv", ".jsonl", ".parquet"))  # Hugging Face's
FIFTYONE = "samples.json"
FOLDER = "folder"  # field with the folder that an image is in
MAX_BYTES = 200_000_000  # of a table of text
MAX_PARQUET = 20_000_000_000  # bytes of a Parquet file, which may hold images
MAX_ROWS = 2_000_000
BATCH = 64  # rows of images in memory
_OWN = ("filepath", "id", "_id", "metadata", "_rand", "_media_type", "_dataset_id", "tags")
_ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}

RowCells = dict[str, Any]  # column -> value as it is in the file
Row = tuple[str, RowCells]  # place of a row for messages, its cells


def read_rows(table: Path) -> list[Row]:
    """The rows of a CSV, a Parquet file without images, or a file of JSON lines.

    Raises:
        BadDataError: unreadable, too large, or no such table.
    """
    suffix = table.suffix.lower()
    if suffix == ".parquet":
        return [row for row, _ in _parquet_rows(table)]
    if suffix == ".jsonl":
        return list(_json_lines(table))
    rows = csv_files.read(table, ()).rows
    return [(f"line {row.line}", dict(row.cells)) for row in rows]


def _json_lines(table: Path) -> Iterator[Row]:
    for number, line in enumerate(text_files.read_text(table, MAX_BYTES).splitlines(), start=1):
        if line.strip():
            cells = _json(line, f"Line {number} of {table.name}")
            if not isinstance(cells, dict):
                raise BadDataError(f"Line {number} of {table.name} must be a JSON object.")
            yield f"line {number}", {fields.clean_name(str(k)): v for k, v in cells.items()}


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadDataError(f"{place} is not valid JSON. Export it again.") from error


def _parquet_rows(table: Path) -> Iterator[tuple[Row, "tuple[bytes, str] | None"]]:
    """Rows of a Parquet file, each with the bytes and the name of its image if it has one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text_files.check_regular(table)
    if table.stat().st_size > MAX_PARQUET:
        raise BadDataError(f"{table.name} has more than {MAX_PARQUET:,} bytes. Split it.")
    try:
        file = pq.ParquetFile(table)
        if file.metadata.num_rows > MAX_ROWS:
            raise BadDataError(f"{table.name} has more than {MAX_ROWS:,} rows. Split it.")
        image_column = _image_column(file.schema_arrow)
        number = 0
        for batch in file.iter_batches(BATCH):
            for cells in batch.to_pylist():
                number += 1
                image = None if image_column is None else _image(cells.pop(image_column))
                plain = {fields.clean_name(name): value for name, value in cells.items()}
                yield (f"row {number}", plain), image
    except (pa.ArrowException, OSError) as error:
        raise BadDataError(f"{table.name} is not a readable Parquet file. Export it again.") from (
            error
        )


def _image_column(schema: "pa.Schema") -> str | None:
    """The first column of image bytes: plain, or with their path as Hugging Face stores them."""
    import pyarrow as pa

    for column in schema:
        kind = column.type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return str(column.name)
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return str(column.name)
    return None


def _image(cell: Any) -> tuple[bytes, str] | None:
    if isinstance(cell, Mapping):
        data, name = cell.get("bytes"), str(cell.get("path") or "")
    else:
        data, name = cell, ""
    return (data, name) if isinstance(data, bytes) else None


def read_table(table: Path, folder: Path, *, inside: Path | None = None) -> CollectionDraft:
    """Images that a table lists, with its other columns as fields; paths begin at its folder.

    Args:
        table: CSV, Parquet or JSON lines.
        folder: for the images that a Parquet file holds.
        inside: paths must not lead out of this folder (for uploaded files).

    Raises:
        BadDataError: unreadable, or no column names or holds the images.
    """
    draft = CollectionDraft([], accounted={table})
    if table.suffix.lower() == ".parquet" and _holds_images(table):
        draft.rows = list(_embedded(table, folder, draft.skipped))
    else:
        rows = read_rows(table)
        column = file_column(rows[0][1] if rows else {}, table)
        draft.rows = _listed(rows, column, PathResolver(table.parent), draft.skipped, inside)
    draft.rows = drop_repeated(draft.rows, draft.skipped)
    if not draft.rows and not draft.skipped:
        raise BadDataError(f"{table.name} has no rows. Write one image per line below the header.")
    return draft


def read_parquet_folder(tables: Sequence[Path], folder: Path) -> CollectionDraft:
    """Images in several Parquet files, as Hugging Face splits them; the split is a field."""
    draft = CollectionDraft([], accounted=set(tables))
    for number, table in enumerate(tables):
        rows = _embedded(table, folder / str(number), draft.skipped)
        split = table.stem.split("-")[0]
        for row in rows:
            own = {"split": split} | dict(row.fields) if len(tables) > 1 else row.fields
            name = row.id if len(tables) == 1 else f"{table.stem}/{row.id}"
            draft.rows.append(replace(row, id=name, fields=own))
    return draft


def file_column(cells: Mapping[str, Any], table: Path) -> str:
    """The column that names the files.

    Raises:
        BadDataError: there is none.
    """
    column = next((name for name in FILE_COLUMNS if name in cells), None)
    if column is None:
        listing = ", ".join(name[:30] for name in list(cells)[:20]) or "none"
        raise BadDataError(
            f"{table.name} has no column with the images' paths; its columns are {listing}. Name "
            f"it {FILE_COLUMNS[0]} or {FILE_COLUMNS[3]}."
        )
    return column


def plain_fields(cells: Mapping[str, Any], without: Sequence[str] = ()) -> Cells:
    """The cells that are texts, numbers or truth values; lists of texts are joined by commas."""
    plain: Cells = {}
    for name, value in cells.items():
        if not name or name in without:
            continue
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            plain[name] = ", ".join(value)
        elif value is None or isinstance(value, str | bool | int | float):
            plain[name] = value
        elif not isinstance(value, Mapping | list | tuple | bytes):
            plain[name] = str(value)  # dates, decimals
    return plain


def locate(resolver: PathResolver, text: Any, inside: Path | None) -> tuple[Path, str]:
    """The file that a cell names, and an error or ""."""
    if not text or not isinstance(text, str):
        return Path(), "A cell is empty. Write a path into it."
    if "://" in text:
        return Path(), f"{text!r} is an address. Download the file and write its path."
    try:
        path = resolver.find(text)
        if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
            return path, f"The path {text!r} leads out of the upload. Correct it."
        if path.is_file():
            return path.resolve(), ""
    except (OSError, ValueError):  # a name that no disk can hold
        pass
    return Path(), f"There is no file {text!r}. Correct the path or add the file."


def short_ids(texts: Sequence[str]) -> list[str]:
    """An id for each path: its name without ending, or all of it if two would be equal."""
    paths = [image_names.nfc(text).replace("\\", "/") for text in texts]
    stems = [image_names.stem(path.rpartition("/")[2]) for path in paths]
    by_stem: dict[str, set[str]] = {}
    for path, stem in zip(paths, stems, strict=True):
        by_stem.setdefault(stem, set()).add(path)
    return [
        stem if len(by_stem[stem]) == 1 else path for stem, path in zip(stems, paths, strict=True)
    ]


def _listed(
    rows: Sequence[Row],
    column: str,
    resolver: PathResolver,
    skipped: list[Skipped],
    inside: Path | None,
) -> list[DraftRow]:
    located: list[tuple[str, Path, Fields]] = []
    for place, cells in rows:
        path, error = locate(resolver, cells.get(column), inside)
        if error:
            skipped.append(Skipped(f"{place}: {str(cells.get(column) or '')[:200]}", error))
        else:
            located.append((cells[column], path, plain_fields(cells, (column,))))
    ids = short_ids([text for text, _, _ in located])
    return [
        DraftRow(name, path, fields=own) for name, (_, path, own) in zip(ids, located, strict=True)
    ]


def _holds_images(table: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text_files.check_regular(table)
    try:
        return _image_column(pq.read_schema(table)) is not None
    except (pa.ArrowException, OSError) as error:
        raise BadDataError(f"{table.name} is not a readable Parquet file. Export it again.") from (
            error
        )


def _embedded(table: Path, folder: Path, skipped: list[Skipped]) -> Iterator[DraftRow]:
    """Write the images that a Parquet file holds below `folder`, named by their row."""
    used: set[str] = set()
    folder.mkdir(parents=True, exist_ok=True)
    for number, ((place, cells), image) in enumerate(_parquet_rows(table)):
        if image is None or len(image[0]) > images.MAX_BYTES:
            reason = "It has no image, or a too large one. Store the bytes of an image file."
            skipped.append(Skipped(place, reason))
            continue
        data, name = image
        stem = image_names.stem(image_names.nfc(PurePosixPath(name.replace("\\", "/")).name))
        unique = stem if stem and stem not in used and len(stem) <= 200 else f"{number:06}"
        used.add(unique)
        path = folder / f"{number:06}{_ENDINGS.get(images.content_format(data[:64]), '.png')}"
        path.write_bytes(data)
        yield DraftRow(unique, path, fields=plain_fields(cells))


def add_folder_fields(draft: CollectionDraft, folder: Path) -> None:
    """Give images of a folder the fields of Hugging Face's metadata files, and their subfolder."""
    by_path: dict[Path, Fields] = {}
    for table in [path for name in METADATA for path in sorted(folder.rglob(name))]:
        try:
            rows = read_rows(table)
            column = file_column(rows[0][1] if rows else {}, table)
        except BadDataError as error:  # another program's file of that name
            draft.skipped.append(Skipped(table.relative_to(folder).as_posix(), str(error)))
            continue
        finally:
            draft.accounted.add(table)
        resolver = PathResolver(table.parent)
        for _, cells in rows:
            path, problem = locate(resolver, cells.get(column), None)
            if not problem:
                by_path[path] = plain_fields(cells, (column,))
    subfolders = [row.path.relative_to(folder).parent.as_posix() for row in draft.rows]
    has_subfolders = len(set(subfolders)) > 1
    draft.rows = [
        replace(
            row,
            fields=({FOLDER: subfolder if subfolder != "." else None} if has_subfolders else {})
            | dict(by_path.get(row.path.resolve(), {})),
        )
        for row, subfolder in zip(draft.rows, subfolders, strict=True)
    ]


def read_fiftyone(folder: Path, *, inside: Path | None = None) -> CollectionDraft:
    """An export of FiftyOne (`FiftyOneDataset`): samples.json beside data/.

    Texts, numbers, tags and the labels of classifications are kept as fields.

    Raises:
        BadDataError: samples.json is damaged.
    """
    table = folder / FIFTYONE
    document = _json(text_files.read_text(table, MAX_BYTES), table.name)
    samples = document.get("samples") if isinstance(document, dict) else None
    if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
        raise BadDataError(f"{table.name} has no list of samples. Export the dataset again.")
    draft = CollectionDraft([], accounted={table, folder / "metadata.json"})
    rows = [
        (f"sample {n}", _sample_fields(sample) | {"filepath": sample.get("filepath")})
        for n, sample in enumerate(samples, start=1)
    ]
    draft.rows = _listed(rows, "filepath", PathResolver(folder), draft.skipped, inside)
    draft.rows = drop_repeated(draft.rows, draft.skipped)
    return draft


def _sample_fields(sample: Mapping[str, Any]) -> RowCells:
    cells: dict[str, Any] = {}
    for name, value in sample.items():
        if name in _OWN or name.startswith("_"):
            continue
        is_label = isinstance(value, Mapping) and value.get("_cls") == "Classification"
        cells[fields.clean_name(name)] = value.get("label") if is_label else value
    if tags := sample.get("tags"):
        cells["tags"] = tags
    return cells
