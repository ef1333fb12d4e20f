"""Readers of judgements in plain tables: a CSV of triplets, NIGHTS, THINGS, cblearn."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from simcore.data import csv_files, image_names, npz_files, text_files
from simcore.data.image_names import FileMatch, ImageIndex
from simcore.data.judgements.trial_draft import (
    ImageNumbering,
    TrialDraft,
    TrialRow,
    image_folder,
)
from simcore.errors import BadDataError

ObjectNames = Mapping[int, str]  # number of an object -> its name
ObjectFiles = Mapping[int, FileMatch]
ANCHORED = ("anchor", "positive", "negative")  # of tables for metric learning
MAX_VOTES = 1e9  # of a trial
MAX_ARRAY_BYTES = 500_000_000
NIGHTS_VOTES = 6  # DreamSim's own loader drops triplets with fewer unanimous votes
NIGHTS_CREDITS = (
    "NIGHTS: Fu, Tamir, Sundaram, Chai, Zhang, Dekel and Isola 2023, arXiv 2306.09344 "
    "(github.com/ssundaram21/dreamsim)",
)
THINGS_CREDITS = (
    "THINGS triplets: Hebart, Zheng, Pereira and Baker 2020, CC-BY 4.0 (osf.io/z2784); the images "
    "have licenses of their own: the THINGS database is for research, THINGSplus images are CC0",
)


def triplets(table: Path, images: ImageIndex | None = None) -> TrialDraft:
    """A CSV `query,a,b,vote[,group][,votes]`; vote is the share of people who chose b.

    A CSV `anchor,positive,negative[,group][,votes]` says that all chose the positive.

    Args:
        table: the CSV.
        images: the folder that its paths are relative to; by default the folder of the CSV.

    Raises:
        BadDataError: a column is missing, a vote is not a share, or a count is not a number.
    """
    csv_table = csv_files.read(table, ())
    is_anchored = set(ANCHORED) <= set(csv_table.columns)
    columns = ANCHORED if is_anchored else ("query", "a", "b")
    if not is_anchored:
        csv_table = csv_files.read(table, (*columns, "vote"))
    images = images or image_folder(table.parent)
    files = images.find_all(row[column] for row in csv_table.rows for column in columns)
    numbering = ImageNumbering()
    rows = []
    for line in csv_table.rows:
        place = f"line {line.line} of {table.name}"
        names = [line[column] for column in columns]
        if not all(names):
            needed = f"{', '.join(columns[:-1])} and {columns[-1]}"
            raise BadDataError(f"A path is missing in {place}; {needed} are needed.")
        items = [numbering.number(name, files[name]) for name in names]
        count = _count(line.cells.get("votes", ""), place)
        group = line.cells.get("group", "") or "all"
        vote = 0.0 if is_anchored else _share(line["vote"], place)
        rows.append(TrialRow(items, vote, count, group))
    return TrialDraft.from_rows("triplets", numbering, rows)


def nights(root: Path) -> TrialDraft:
    """DreamSim's layout: data.csv beside ref/ and distort/; each split is a group.

    As in DreamSim's own code, triplets with fewer than 6 votes are left out, and the test split is
    divided by `is_imagenet`.

    Raises:
        BadDataError: not one data.csv, a column is missing, or votes are not numbers.
    """
    tables = sorted(root.rglob("data.csv")) if root.is_dir() else []
    if len(tables) != 1:
        raise BadDataError(
            f"There must be one data.csv of NIGHTS below {root}, got {len(tables)}. Unpack the "
            "archive into a folder of its own."
        )
    table = tables[0]
    sides = ("ref_path", "left_path", "right_path")
    csv_table = csv_files.read(table, (*sides, "left_vote", "right_vote", "split"))
    has_counts = "votes" in csv_table.columns
    resolver = image_names.PathResolver(table.parent)
    numbering = ImageNumbering()
    rows = []
    n_dropped = 0
    for line in csv_table.rows:
        place = f"line {line.line} of {table.name}"
        votes_n = _count(line["votes"], place) if has_counts else 0
        if has_counts and votes_n < NIGHTS_VOTES:
            n_dropped += 1
            continue
        left, right = (_vote_count(line[name], place) for name in ("left_vote", "right_vote"))
        if left + right <= 0:
            raise BadDataError(f"There is no vote for left or right in {place}.")
        paths = [line[side].replace("\\", "/") for side in sides]
        for path in paths:
            if not path or ".." in Path(path).parts or Path(path).is_absolute():
                raise BadDataError(f"The path {path!r} in {place} leads outside the folder.")
        items = [numbering.number(path, resolver.find(path)) for path in paths]
        group = _nights_group(line["split"], line.cells.get("is_imagenet", ""))
        rows.append(TrialRow(items, right / (left + right), votes_n, group))
    notes: tuple[str, ...] = ()
    if n_dropped:
        notes = (f"left out {n_dropped:,} triplets with fewer than {NIGHTS_VOTES} votes",)
    return TrialDraft.from_rows("triplets", numbering, rows, notes=notes, credits=NIGHTS_CREDITS)


def _nights_group(split: str, is_imagenet: str) -> str:
    if split != "test":
        return split
    return split + {"true": "_imagenet", "false": "_no_imagenet"}.get(is_imagenet.lower(), "")


def things(table: Path, images: ImageIndex) -> TrialDraft:
    """THINGS odd-one-out trials: three object numbers per line, the odd one last, from 0.

    Without a list of names, object 17 is the image `17.png`. With THINGS' own `unique_id.txt`
    beside the table or the images, it is the image of the 18th name, with or without THINGS'
    ending `_01b`, or else `17.png` if no image has such a name.

    Raises:
        BadDataError: a line is not three different numbers, a number has no name, or the numbers
            are counted from 1.
    """
    trials = _read_object_numbers(table)
    lists = [folder / "unique_id.txt" for folder in (table.parent, images.folder)]
    name_list = next((path for path in lists if path.is_file()), None)
    objects = sorted({number for _, items in trials for number in items})
    if name_list is None:
        names: ObjectNames = {number: str(number) for number in objects}
    else:
        names = _listed_names(name_list, trials, table)
    files = _object_files(images, names)
    if name_list is None and objects and objects[0] > 0:
        _check_origin(files, images, table)
    numbering = ImageNumbering()
    rows = []
    for _, numbers in trials:
        items = [numbering.number(names[number], files[number]) for number in numbers]
        rows.append(TrialRow(items, 0.0, 1, "things"))
    return TrialDraft.from_rows("odd", numbering, rows, credits=THINGS_CREDITS)


def cblearn(table: Path, images: ImageIndex) -> TrialDraft:
    """cblearn's "list-order" triplets: a .npy of reference, nearer and other image, from 0.

    The file of each image is a line of `images.txt` beside the array.

    Args:
        table: the array, or a folder with `triplets.npy`.

    Raises:
        BadDataError: no such files, another array, or a number without a name.
    """
    table = table / "triplets.npy" if table.is_dir() else table
    content = text_files.read_bytes(table, MAX_ARRAY_BYTES)
    try:
        rows = npz_files.read_array(content)
    except ValueError as error:
        raise BadDataError(f"{table.name} is no .npy file of one array ({error}).") from error
    if rows.ndim != 2 or rows.shape[1] != 3 or rows.dtype.kind not in "iu":
        raise BadDataError(
            f"{table.name} must hold whole numbers of the shape (T, 3): reference, nearer, other; "
            f"got {rows.dtype} of {rows.shape}."
        )
    listed = text_files.read_text(table.parent / "images.txt", csv_files.MAX_BYTES)
    names = [line for line in listed.splitlines() if line.strip()]
    if rows.size and not (0 <= rows.min() and rows.max() < len(names)):
        raise BadDataError(
            f"{table.name} has the numbers {rows.min()} to {rows.max()}, but images.txt lists "
            f"{len(names)} images, numbered from 0."
        )
    files = images.find_all(names)
    numbering = ImageNumbering()
    trials = []
    for numbers in rows.tolist():
        items = [numbering.number(names[n], files[names[n]]) for n in numbers]
        trials.append(TrialRow(items, 0.0, 1, "all"))
    return TrialDraft.from_rows("triplets", numbering, trials)


def _read_object_numbers(table: Path) -> list[tuple[int, list[int]]]:
    """The line and the three object numbers of each trial; empty lines are skipped."""
    lines = text_files.read_text(table, csv_files.MAX_BYTES).splitlines()
    trials = []
    for line_number, line in enumerate(lines, 1):
        cells = line.replace(",", " ").replace(";", " ").split()
        if not cells:
            continue
        numbers = [_object_number(cell) for cell in cells]
        if len(numbers) != 3 or -1 in numbers or len(set(numbers)) != 3:
            raise BadDataError(
                f"Line {line_number} of {table.name} must be three different object numbers, the "
                f"odd one last, got {line[:60]!r}. Correct it, or remove a header."
            )
        trials.append((line_number, numbers))
    return trials


def _object_number(cell: str) -> int:
    """A whole number, also as numpy.savetxt writes it; -1 for anything else.

    >>> _object_number("2.000e+00"), _object_number("2.9"), _object_number("inf")
    (2, -1, -1)
    """
    try:
        value = float(cell)
    except ValueError:
        return -1
    return int(value) if value.is_integer() and 0 <= value < 2**31 else -1


def _listed_names(
    name_list: Path, trials: Sequence[tuple[int, list[int]]], table: Path
) -> ObjectNames:
    """Number -> name of each object that the trials show."""
    names = text_files.read_text(name_list, csv_files.MAX_BYTES).split()
    for line_number, numbers in trials:
        if max(numbers) >= len(names):
            raise BadDataError(
                f"The object {max(numbers)} in line {line_number} of {table.name} has no name: "
                f"{name_list.name} lists {len(names)}, numbered from 0."
            )
    return {number: names[number] for _, numbers in trials for number in numbers}


def _object_files(images: ImageIndex, names: ObjectNames) -> ObjectFiles:
    """The image of each object; files of one folder follow one way of naming."""
    plain = images.find_all(f"{name}.png" for name in names.values())
    with_ending = images.find_all(f"{name}_01b.png" for name in names.values())
    files = {}
    for number, name in names.items():
        candidates = (plain[f"{name}.png"], with_ending[f"{name}_01b.png"])
        files[number] = next((file for file in candidates if not file.problem), candidates[0])
    if all(file.problem for file in files.values()):
        numbered = images.find_all(f"{number}.png" for number in names)
        return {number: numbered[f"{number}.png"] for number in names}
    return files


def _check_origin(files: ObjectFiles, images: ImageIndex, table: Path) -> None:
    """Numbers from 1 to n for images from 0 to n - 1 would name the wrong ones.

    Raises:
        BadDataError: the highest number has no image, but there is an image 0 that no trial shows.
    """
    highest = max(files)
    if files[highest].problem and not images.find("0.png").problem:
        raise BadDataError(
            f"{table.name} has no object 0 and an object {highest}, but the images have a 0 and no "
            f"{highest}: its numbers seem to begin at 1. Subtract 1 from them."
        )


def _vote_count(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MAX_VOTES:
        raise BadDataError(f"The votes in {place} must be a number from 0 to 1e9, got {text!r}.")
    return value


def _share(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 <= value <= 1:
        raise BadDataError(f"The vote in {place} must be a share between 0 and 1, got {text!r}.")
    return value


def _count(text: str, place: str) -> int:
    value = _vote_count(text or "0", place)
    if value != int(value):
        raise BadDataError(f"The number of votes in {place} must be whole, got {text!r}.")
    return int(value)
