"""Kinds `images` (a folder without known mates) and `pairs` (left/ and right/, or a CSV)."""

from collections import Counter
from pathlib import Path

from simcore.data import csv_files, image_names, storage
from simcore.data.collections import image_tables
from simcore.data.collections.collection_draft import (
    CollectionDraft,
    DraftRow,
    drop_repeated,
    list_images,
    relative_names,
)
from simcore.data.image_names import PathResolver
from simcore.errors import BadDataError
from simcore.types import Skipped

TABLE_SUFFIXES = image_tables.SUFFIXES
SIDES = ("left", "right")
_TWO_FORMS = (
    "Two files have this name, in two Unicode forms that look alike. Rename one of them; the first "
    "is used."
)


def read_images(folder: Path) -> CollectionDraft:
    """All images below a folder; ids are relative paths without the ending.

    Metadata files of Hugging Face's `imagefolder` and subfolders become fields.

    Raises:
        BadDataError: no such folder.
    """
    draft = CollectionDraft([])
    paths = list_images(folder, draft)
    ids: dict[str, Path] = {}
    for name, path in zip(relative_names(paths, folder), paths, strict=True):
        if name in ids:
            draft.skipped.append(Skipped(name, _TWO_FORMS))
            draft.accounted.add(path)
        else:
            ids[name] = path
    draft.rows = [DraftRow(name, path) for name, path in ids.items()]
    if not storage.is_remote(folder):
        image_tables.add_folder_fields(draft, folder)
    return draft


def read_image_source(source: Path, files: Path, *, inside: Path | None = None) -> CollectionDraft:
    """Images of a table, of a FiftyOne export, of Parquet files, or of any folder.

    Args:
        files: folder for the images that Parquet files hold.
        inside: paths in tables must not lead out of this folder (for uploaded files).
    """
    if source.is_file():
        return image_tables.read_table(source, files, inside=inside)
    if (source / image_tables.FIFTYONE).is_file():
        return image_tables.read_fiftyone(source, inside=inside)
    draft = CollectionDraft([])
    tables = sorted(path for path in source.rglob("*.parquet") if path.name[0] != ".")
    if tables and not list_images(source, draft):
        return image_tables.read_parquet_folder(tables, files)
    return read_images(source)


def read_pairs(path: Path, *, inside: Path | None = None) -> CollectionDraft:
    """Pairs from a folder (left/ and right/ with equal names, or a CSV in it), or from a CSV file.

    Args:
        path: the folder or the CSV.
        inside: paths in a CSV must not lead out of this folder (for uploaded files).

    Raises:
        BadDataError: there are no such folders and no such CSV.
    """
    if not storage.is_remote(path) and not path.is_dir():
        return match_listed(path, inside=inside)
    if storage.exists(path / "left") and storage.exists(path / "right"):
        return match_sides(path / "left", path / "right")
    if storage.is_remote(path):
        raise BadDataError(
            f"{storage.parse_s3(str(path))} has no left/ and right/. It needs both, with equal "
            "file names."
        )
    tables = [p for p in sorted(path.iterdir()) if p.suffix.lower() in TABLE_SUFFIXES]
    if len(tables) > 1:
        tables = [p for p in tables if p.stem.lower() == "pairs"]
    if len(tables) == 1:
        return match_listed(tables[0], inside=inside)
    content = ", ".join(sorted(p.name for p in path.iterdir())[:5])
    raise BadDataError(
        f"{path} contains {content or 'nothing'}, but no pairs. It needs left/ and right/ with "
        "equal file names, or one CSV with columns left,right."
    )


def match_sides(left: Path, right: Path) -> CollectionDraft:
    """Pairs of files with equal names in two folders; others are reported.

    Names that differ only in the ending are equal too, where each side has one such file.

    Raises:
        BadDataError: no name is in both folders.
    """
    draft = CollectionDraft([])
    sides = [_by_name(folder, draft) for folder in (left, right)]
    counts = [Counter(map(image_names.stem, files)) for files in sides]
    by_stem = [{image_names.stem(name): name for name in files} for files in sides]
    pairs = {name: name for name in sides[0] if name in sides[1]}
    for stem in by_stem[0].keys() & by_stem[1].keys():
        if counts[0][stem] == counts[1][stem] == 1:
            pairs[by_stem[0][stem]] = by_stem[1][stem]
    mates = (set(pairs), set(pairs.values()))
    for side, files, used, own, other in (
        ("left", sides[0], mates[0], counts[0], counts[1]),
        ("right", sides[1], mates[1], counts[1], counts[0]),
    ):
        opposite = "right" if side == "left" else "left"
        for name in sorted(files.keys() - used):
            stem = image_names.stem(name)
            reason = f"It is on the {side} only. Add a file of that name on the {opposite}."
            if other[stem] and max(own[stem], other[stem]) > 1:
                reason = (
                    f"Several files on one side are called {stem!r}, so its mate is unclear. "
                    "Give mates the same name and ending."
                )
            draft.skipped.append(Skipped(stem if own[stem] == 1 else name, reason))
    if not pairs:
        raise BadDataError(
            f"The {len(sides[0])} images in {left.name}/ and {len(sides[1])} in "
            f"{right.name}/ have no name in common. Give mates equal names, or use a CSV with "
            "columns left,right."
        )
    unique = Counter(map(image_names.stem, pairs))
    for name in sorted(pairs, key=lambda name: (image_names.stem(name), name)):
        stem = image_names.stem(name)
        row_id = stem if unique[stem] == 1 else name
        draft.rows.append(DraftRow(row_id, sides[0][name], row_id, sides[1][pairs[name]]))
    draft.accounted.update(path for files in sides for path in files.values())
    return draft


def _by_name(folder: Path, draft: CollectionDraft) -> dict[str, Path]:
    """The images of one side by their path in it; equal ones are left out."""
    paths = list_images(folder, draft)
    names = [image_names.inner_name(path, folder) for path in paths]
    counts = Counter(names)
    for name in sorted(name for name, count in counts.items() if count > 1):
        reason = (
            "Two files have this name, in two Unicode forms that look alike, so its mate is "
            "unclear. Rename one of them."
        )
        draft.skipped.append(Skipped(f"{folder.name}/{name}", reason))
    draft.accounted.update(paths)
    return {name: path for name, path in zip(names, paths, strict=True) if counts[name] == 1}


def match_listed(table: Path, *, inside: Path | None = None) -> CollectionDraft:
    """Pairs from a table; paths are relative to its folder. Rows without files are reported.

    Columns beside left and right are the fields of the pairs.

    Raises:
        BadDataError: unreadable, or without the columns left and right.
    """
    draft = CollectionDraft([], accounted={table})
    resolver = PathResolver(table.parent)
    pairs = []
    for place, cells in _pair_rows(table):
        (left, left_error), (right, right_error) = (
            image_tables.locate(resolver, cells[side], inside) for side in SIDES
        )
        if left_error or right_error:
            label = f"{place}: {cells['left']}, {cells['right']}"
            draft.skipped.append(Skipped(label, left_error or right_error))
        else:
            own = image_tables.plain_fields(cells, SIDES)
            pairs.append((cells["left"], left, cells["right"], right, own))
    left_ids = image_tables.short_ids([pair[0] for pair in pairs])
    right_ids = image_tables.short_ids([pair[2] for pair in pairs])
    rows = [
        DraftRow(left_id, left_path, right_id, right_path, fields=own)
        for left_id, right_id, (_, left_path, _, right_path, own) in zip(
            left_ids, right_ids, pairs, strict=True
        )
    ]
    draft.rows = drop_repeated(rows, draft.skipped)
    if not draft.rows and not draft.skipped:
        raise BadDataError(f"{table.name} has no rows. Write one pair per line below the header.")
    return draft


def _pair_rows(table: Path) -> list[image_tables.Row]:
    if table.suffix.lower() not in (".parquet", ".jsonl"):
        rows = csv_files.read_rows(table, SIDES)
        return [(f"line {row.line}", dict(row.cells)) for row in rows]
    listed = image_tables.read_rows(table)
    for place, cells in listed:
        if not all(isinstance(cells.get(side), str) for side in SIDES):
            raise BadDataError(
                f"{table.name} has no texts left and right in {place}. Name two columns left and "
                "right, with the paths of the images."
            )
    return listed
