"""Readers of judgements in plain tables: a CSV of triplets, NIGHTS, THINGS odd-one-out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simcore.data import csv_files
from simcore.data.judgements.trial_draft import ImageFolder, ImageNumbering, TrialDraft, TrialRow
from simcore.errors import BadDataError

NIGHTS_VOTES = 6  # DreamSim's own loader drops triplets with fewer unanimous votes
NIGHTS_CREDITS = (
    "NIGHTS: Fu, Tamir, Sundaram, Chai, Zhang, Dekel and Isola 2023, arXiv 2306.09344 "
    "(github.com/ssundaram21/dreamsim)",
)
THINGS_CREDITS = (
    "THINGS triplets: Hebart, Zheng, Pereira and Baker 2020, CC-BY 4.0 (osf.io/z2784); the images "
    "have licenses of their own: the THINGS database is for research, THINGSplus images are CC0",
)


def triplets(table: Path, images: ImageFolder | None = None) -> TrialDraft:
    """A CSV `query,a,b,vote[,group][,votes]`; vote is the share of people who chose b.

    Args:
        table: the CSV.
        images: the folder that its paths are relative to; by default the folder of the CSV.

    Raises:
        BadDataError: a column is missing, a vote is not a share, or a count is not a number.
    """
    lines = csv_files.read_rows(table, ("query", "a", "b", "vote"))
    empty = [""] * len(lines)
    groups, counts = (_optional_column(table, name) or empty for name in ("group", "votes"))
    images = images or ImageFolder(table.parent)
    numbering = ImageNumbering()
    rows = []
    for number, (line, group, count) in enumerate(zip(lines, groups, counts, strict=True)):
        place = f"line {number + 2} of {table.name}"
        paths = [line[column] for column in ("query", "a", "b")]
        if not all(paths):
            raise BadDataError(f"A path is missing in {place}; query, a and b are needed.")
        items = [numbering.number(path, images.find(path)) for path in paths]
        rows.append(
            TrialRow(items, _share(line["vote"], place), _count(count, place), group or "all")
        )
    return TrialDraft.from_rows("triplets", numbering, rows)


def nights(root: Path) -> TrialDraft:
    """DreamSim's layout: data.csv beside ref/ and distort/; each split is a group.

    As in DreamSim's own code, triplets with fewer than 6 votes are left out, and the test split is
    divided by `is_imagenet`.

    Raises:
        BadDataError: no data.csv, a column is missing, or votes are not numbers.
    """
    table = next(iter(sorted(root.rglob("data.csv"))), None) if root.is_dir() else None
    if table is None:
        raise BadDataError(f"There is no data.csv of NIGHTS below {root}. Unpack the archive.")
    sides = ("ref_path", "left_path", "right_path")
    lines = csv_files.read_rows(table, (*sides, "left_vote", "right_vote", "split"))
    counts, imagenet = (_optional_column(table, name) for name in ("votes", "is_imagenet"))
    numbering = ImageNumbering()
    rows = []
    n_dropped = 0
    for number, line in enumerate(lines):
        place = f"line {number + 2} of {table.name}"
        votes_n = _count(counts[number], place) if counts else 0
        if counts and votes_n < NIGHTS_VOTES:
            n_dropped += 1
            continue
        left, right = (_vote_count(line[name], place) for name in ("left_vote", "right_vote"))
        if left + right <= 0:
            raise BadDataError(f"There is no vote for left or right in {place}.")
        for side in sides:
            if ".." in Path(line[side]).parts or Path(line[side]).is_absolute():
                raise BadDataError(f"The path {line[side]!r} in {place} leads outside the folder.")
        items = [numbering.number(line[side], table.parent / line[side]) for side in sides]
        group = _nights_group(line["split"], imagenet[number] if imagenet else "")
        rows.append(TrialRow(items, right / (left + right), votes_n, group))
    notes: tuple[str, ...] = ()
    if n_dropped:
        notes = (f"left out {n_dropped:,} triplets with fewer than {NIGHTS_VOTES} votes",)
    return TrialDraft.from_rows("triplets", numbering, rows, notes=notes, credits=NIGHTS_CREDITS)


def _nights_group(split: str, is_imagenet: str) -> str:
    if split != "test":
        return split
    return split + {"true": "_imagenet", "false": "_no_imagenet"}.get(is_imagenet.lower(), "")


def things(table: Path, images: ImageFolder) -> TrialDraft:
    """THINGS odd-one-out trials: three object numbers per line, the odd one last, from 0.

    Without a list of names, object 17 is the image `17.png`. With THINGS' own `unique_id.txt`
    beside the table or the images, it is the image of the 18th name, with or without THINGS'
    ending `_01b`.

    Raises:
        BadDataError: a line is not three different numbers, or a number has no name.
    """
    trials = _read_object_numbers(table)
    lists = [folder / "unique_id.txt" for folder in (table.parent, images.folder)]
    name_list = next((path for path in lists if path.is_file()), None)
    name_of = str if name_list is None else _listed_names(name_list, trials, table).__getitem__
    objects = {number for _, items in trials for number in items}
    files = {number: _object_file(images, number, name_of(number)) for number in objects}
    numbering = ImageNumbering()
    rows = []
    for _, numbers in trials:
        items = [numbering.number(name_of(number), files[number]) for number in numbers]
        rows.append(TrialRow(items, 0.0, 1, "things"))
    return TrialDraft.from_rows("odd", numbering, rows, credits=THINGS_CREDITS)


def _read_object_numbers(table: Path) -> list[tuple[int, list[int]]]:
    """The line and the three object numbers of each trial; empty lines are skipped."""
    try:
        lines = table.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataError(
            f"{table} cannot be read as text with three numbers per line. Check the path."
        ) from error
    trials = []
    for line_number, line in enumerate(lines, 1):
        cells = line.replace(",", " ").split()
        if not cells:
            continue
        try:
            numbers = [int(float(cell)) for cell in cells]
        except ValueError:
            numbers = []
        if len(numbers) != 3 or min(numbers) < 0 or len(set(numbers)) != 3:
            raise BadDataError(
                f"Line {line_number} of {table.name} must be three different object numbers, the "
                f"odd one last, got {line[:60]!r}."
            )
        trials.append((line_number, numbers))
    return trials


def _listed_names(
    name_list: Path, trials: Sequence[tuple[int, list[int]]], table: Path
) -> list[str]:
    """The name of each object, in the order of their numbers."""
    names = name_list.read_text("utf-8").split()
    for line_number, numbers in trials:
        if max(numbers) >= len(names):
            raise BadDataError(
                f"The object {max(numbers)} in line {line_number} of {table.name} has no name: "
                f"{name_list.name} lists {len(names)}, numbered from 0."
            )
    return names


def _object_file(images: ImageFolder, number: int, name: str) -> Path:
    """The image of an object; if there is none, the path it should have."""
    candidates = [f"{name}.png", f"{name}_01b.png", f"{number}.png"]
    files = (path for path in map(images.find, candidates) if path.is_file())
    return next(files, images.folder / candidates[0])


def _optional_column(table: Path, name: str) -> list[str] | None:
    """A column of a CSV, or None if it has no such column."""
    try:
        return [line[name] for line in csv_files.read_rows(table, (name,))]
    except BadDataError as error:
        if "no column" in str(error):
            return None
        raise


def _vote_count(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < np.inf:
        raise BadDataError(f"The votes in {place} must be a number from 0, got {text!r}.")
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
