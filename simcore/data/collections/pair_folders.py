"""Kinds `images` (a folder without known mates) and `pairs` (left/ and right/, or a CSV)."""

from pathlib import Path

from simcore.data import csv_files, storage
from simcore.data.collections.collection_draft import (
    CollectionDraft,
    DraftRow,
    drop_repeated,
    list_images,
    relative_names,
)
from simcore.errors import BadDataError
from simcore.types import Skipped


def read_images(folder: Path) -> CollectionDraft:
    """All images below a folder; ids are relative paths without suffix.

    Raises:
        BadDataError: no such folder.
    """
    skipped: list[Skipped] = []
    paths = list_images(folder, skipped)
    rows = [
        DraftRow(name, path)
        for name, path in zip(relative_names(paths, folder), paths, strict=True)
    ]
    return CollectionDraft(rows, skipped)


def read_pairs(path: Path, *, inside: Path | None = None) -> CollectionDraft:
    """Pairs from a folder (left/ and right/ with equal names, or a CSV in it), or from a CSV file.

    Args:
        path: the folder or the CSV.
        inside: paths in a CSV must not lead out of this folder (for uploaded files).

    Raises:
        BadDataError: there are no such folders and no such CSV.
    """
    if path.is_file():
        return match_listed(path, inside=inside)
    if storage.exists(path / "left") and storage.exists(path / "right"):
        return match_sides(path / "left", path / "right")
    if storage.is_remote(path):
        raise BadDataError(
            f"{storage.parse_s3(str(path))} has no left/ and right/. It needs both, with equal "
            "file names."
        )
    tables = sorted(path.glob("*.csv"))
    if len(tables) == 1 or (path / "pairs.csv").is_file():
        return match_listed(tables[0] if len(tables) == 1 else path / "pairs.csv", inside=inside)
    content = ", ".join(sorted(p.name for p in path.iterdir())[:5]) if path.is_dir() else ""
    raise BadDataError(
        f"{path} contains {content or 'nothing'}, but no pairs. It needs left/ and right/ with "
        "equal file names, or one CSV with columns left,right."
    )


def match_sides(left: Path, right: Path) -> CollectionDraft:
    """Pairs of files with equal names (up to the suffix) in two folders; others are reported.

    Raises:
        BadDataError: no name is in both folders.
    """
    skipped: list[Skipped] = []
    by_name = [_by_name(folder, skipped) for folder in (left, right)]
    both = sorted(by_name[0].keys() & by_name[1].keys())
    for side, paths, other in (("left", by_name[0], "right"), ("right", by_name[1], "left")):
        for name in sorted(paths.keys() - set(both)):
            reason = f"It is on the {side} only. Add a file of that name on the {other}."
            skipped.append(Skipped(name, reason))
    if not both:
        raise BadDataError(
            f"The {len(by_name[0])} images in {left.name}/ and {len(by_name[1])} in "
            f"{right.name}/ have no name in common. Give mates equal names, or use a CSV with "
            "columns left,right."
        )
    rows = [DraftRow(name, by_name[0][name], name, by_name[1][name]) for name in both]
    return CollectionDraft(rows, skipped)


def _by_name(folder: Path, skipped: list[Skipped]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for path in list_images(folder, skipped):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in paths:
            reason = f"{paths[name].name} has the same name and comes first."
            skipped.append(Skipped(f"{folder.name}/{path.name}", reason))
        else:
            paths[name] = path
    return paths


def match_listed(table: Path, *, inside: Path | None = None) -> CollectionDraft:
    """Pairs from a CSV; paths are relative to its folder. Rows without files are reported.

    Raises:
        BadDataError: unreadable, or without the columns left and right.
    """
    skipped: list[Skipped] = []
    pairs = []
    for number, line in enumerate(csv_files.read_rows(table, ("left", "right")), 2):
        (left, left_error), (right, right_error) = (
            _locate(table.parent, line[side], inside) for side in ("left", "right")
        )
        if left_error or right_error:
            label = f"line {number}: {line['left']}, {line['right']}"
            skipped.append(Skipped(label, left_error or right_error))
        else:
            pairs.append((line["left"], left, line["right"], right))
    left_ids = _short_ids([left for left, _, _, _ in pairs])
    right_ids = _short_ids([right for _, _, right, _ in pairs])
    rows = [
        DraftRow(left_id, left_path, right_id, right_path)
        for left_id, right_id, (_, left_path, _, right_path) in zip(
            left_ids, right_ids, pairs, strict=True
        )
    ]
    return CollectionDraft(drop_repeated(rows, skipped), skipped)


def _locate(folder: Path, text: str, inside: Path | None) -> tuple[Path, str]:
    """The file that a cell names, and an error or ""."""
    if not text or "\0" in text:
        return folder, "A cell is empty. Write a path into it."
    path = folder / text
    if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
        return path, f"The path {text!r} leads out of the upload. Correct it."
    if not path.is_file():
        return path, f"There is no file {text!r}. Correct the path or add the file."
    return path.resolve(), ""


def _short_ids(texts: list[str]) -> list[str]:
    """An id for each path: its name without suffix, or all of it if two would be equal."""
    by_stem: dict[str, set[str]] = {}
    for text in texts:
        by_stem.setdefault(Path(text).stem, set()).add(text)
    stems = [Path(text).stem for text in texts]
    return [
        stem if len(by_stem[stem]) == 1 else text for stem, text in zip(stems, texts, strict=True)
    ]
