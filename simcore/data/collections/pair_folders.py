"""Kind `images`: any folder of images, without known mates."""

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


def find_images(folder: Path) -> CollectionDraft:
    """All images under a folder, sub-folders too; ids are paths without the ending.

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


def find_pairs(path: Path, *, inside: Path | None = None) -> CollectionDraft:
    """Pairs from a folder (left/ and right/ with equal names, or a CSV in it), or from a CSV file.

    Args:
        path: the folder or the CSV.
        inside: paths in a CSV may not lead out of this folder (for files from strangers).

    Raises:
        BadDataError: neither is there.
    """
    if path.is_file():
        return match_listed(path, inside=inside)
    if storage.exists(path / "left") and storage.exists(path / "right"):
        return match_sides(path / "left", path / "right")
    if storage.is_remote(path):
        raise BadDataError(
            f"found no left/ and right/ in {storage.parse_s3(str(path))}; expected both, with equal "
            "file names; arrange it so"
        )
    named = sorted(path.glob("*.csv"))
    if len(named) == 1 or (path / "pairs.csv").is_file():
        return match_listed(named[0] if len(named) == 1 else path / "pairs.csv", inside=inside)
    there = ", ".join(sorted(p.name for p in path.iterdir())[:5]) if path.is_dir() else "nothing"
    raise BadDataError(
        f"found {there or 'nothing'} in {path}; expected left/ and right/ with equal file names, "
        "or one CSV with columns left,right; arrange it so"
    )


def match_sides(left: Path, right: Path) -> CollectionDraft:
    """Files of equal names (endings may differ) in two folders; the others are reported.

    Raises:
        BadDataError: not one name is on both sides.
    """
    skipped: list[Skipped] = []
    by_name = [_by_name(folder, skipped) for folder in (left, right)]
    both = sorted(by_name[0].keys() & by_name[1].keys())
    for side, paths, other in (("left", by_name[0], "right"), ("right", by_name[1], "left")):
        for name in sorted(paths.keys() - set(both)):
            reason = f"found it on the {side} only; expected a mate of that name on the {other}"
            skipped.append(Skipped(name, f"{reason}; add the file"))
    if not both:
        raise BadDataError(
            f"found {len(by_name[0])} images in {left.name}/ and {len(by_name[1])} in "
            f"{right.name}/ with no name in common; expected mates to have equal names; "
            "rename them or use a CSV with columns left,right"
        )
    rows = [DraftRow(name, by_name[0][name], name, by_name[1][name]) for name in both]
    return CollectionDraft(rows, skipped)


def _by_name(folder: Path, skipped: list[Skipped]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in list_images(folder, skipped):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            reason = f"found {path.name} beside {found[name].name}; expected one file a name"
            skipped.append(Skipped(f"{folder.name}/{path.name}", f"{reason}; the first counts"))
        else:
            found[name] = path
    return found


def match_listed(table: Path, *, inside: Path | None = None) -> CollectionDraft:
    """Pairs from a CSV; paths are relative to its folder. Rows without files are reported.

    Raises:
        BadDataError: unreadable, or without the columns left and right.
    """
    skipped: list[Skipped] = []
    pairs = []
    for number, line in enumerate(csv_files.read_rows(table, ("left", "right")), 2):
        pair = [_located(table.parent, line[side], inside) for side in ("left", "right")]
        wrong = next((reason for _, reason in pair if reason), "")
        if wrong:
            skipped.append(Skipped(f"line {number}: {line['left']}, {line['right']}", wrong))
        else:
            pairs.append((line["left"], pair[0][0], line["right"], pair[1][0]))
    names = [_ids([left for left, _, _, _ in pairs]), _ids([right for _, _, right, _ in pairs])]
    rows = [
        DraftRow(names[0][left], left_path, names[1][right], right_path)
        for left, left_path, right, right_path in pairs
    ]
    return CollectionDraft(drop_repeated(rows, skipped), skipped)


def _located(folder: Path, text: str, inside: Path | None) -> tuple[Path, str]:
    """The file a cell names, and what is wrong with it."""
    if not text or "\0" in text:
        return folder, "found an empty cell; expected a path; fill it in"
    path = folder / text
    if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
        return path, f"the path {text!r} leads outside; expected one inside the upload; correct it"
    if not path.is_file():
        return path, f"found no file {text!r}; expected an image; correct the path or add the file"
    return path.resolve(), ""


def _ids(texts: list[str]) -> dict[str, str]:
    """A short unique id for each path: its name without ending where that tells them apart."""
    short: dict[str, set[str]] = {}
    for text in texts:
        short.setdefault(Path(text).stem, set()).add(text)
    return {text: Path(text).stem if len(short[Path(text).stem]) == 1 else text for text in texts}
