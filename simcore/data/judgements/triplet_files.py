"""Judgements in plain tables: a CSV of triplets, NIGHTS, and THINGS odd-one-out files."""

from pathlib import Path

import numpy as np

from simcore.data import csv_files
from simcore.data.judgements.trial_draft import ImageFolder, ImageNumbering, TrialDraft, column
from simcore.errors import BadDataError

NIGHTS_VOTES = 6  # upstream drops triplets with fewer unanimous votes
NIGHTS_CREDITS = (
    "NIGHTS: Fu, Tamir, Sundaram, Chai, Zhang, Dekel and Isola 2023, arXiv 2306.09344 "
    "(github.com/ssundaram21/dreamsim)",
)
THINGS_CREDITS = (
    "THINGS triplets: Hebart, Zheng, Pereira and Baker 2020, CC-BY 4.0 (osf.io/z2784); the images "
    "have licences of their own: the THINGS database is for research, THINGSplus images are CC0",
)


def triplets(table: Path, shelf: ImageFolder | None = None) -> TrialDraft:
    """A CSV `query,a,b,vote[,group][,votes]`; vote is the share that found b nearer.

    Args:
        table: the CSV; paths in it are relative to its folder, or to the images' folder.
        shelf: the folder of images, if it is another one.

    Raises:
        BadDataError: a column is missing, a vote is no share, or a count of votes no number.
    """
    lines = csv_files.read_rows(table, ("query", "a", "b", "vote"))
    extra = {name: _optional(table, name) for name in ("group", "votes")}
    shelf = shelf or ImageFolder(table.parent)
    roster = ImageNumbering()
    items, votes, counts, group = [], [], [], []
    for number, line in enumerate(lines):
        where = f"line {number + 2} of {table.name}"
        for name in ("query", "a", "b"):
            if not line[name]:
                raise BadDataError(f"found no {name} in {where}; expected a path; fill it in")
        items.append([roster.number(line[n], shelf.find(line[n])) for n in ("query", "a", "b")])
        votes.append(_share(line["vote"], where))
        counts.append(_count(extra["votes"][number], where) if extra["votes"] else 0)
        group.append((extra["group"][number] if extra["group"] else "") or "all")
    return TrialDraft(
        "triplets",
        roster.ids,
        roster.paths,
        np.array(items, np.int64).reshape(-1, 3),
        column(votes),
        np.array(counts, np.int64),
        tuple(group),
    )


def nights(root: Path) -> TrialDraft:
    """DreamSim's layout: data.csv beside ref/ and distort/; a split is a group.

    As upstream, triplets with fewer than 6 votes are left out, and the test split is told apart by
    `is_imagenet`.

    Raises:
        BadDataError: no data.csv, a column is missing, or votes that are no numbers.
    """
    table = next(iter(sorted(root.rglob("data.csv"))), None) if root.is_dir() else None
    if table is None:
        raise BadDataError(
            f"found no data.csv in {root}; expected the folder of NIGHTS; unpack it, check the path"
        )
    names = ("ref_path", "left_path", "right_path", "left_vote", "right_vote", "split")
    lines = csv_files.read_rows(table, names)
    extra = {name: _optional(table, name) for name in ("id", "votes", "is_imagenet")}
    roster = ImageNumbering()
    items, votes, counts, group, few = [], [], [], [], 0
    for number, line in enumerate(lines):
        where = f"line {number + 2} of {table.name}"
        many = _count(extra["votes"][number], where) if extra["votes"] else 0
        if extra["votes"] and many < NIGHTS_VOTES:
            few += 1
            continue
        left, right = (_weight(line[name], where) for name in ("left_vote", "right_vote"))
        if left + right <= 0:
            raise BadDataError(f"found no vote in {where}; expected one for left or right")
        for name in names[:3]:
            if ".." in Path(line[name]).parts or Path(line[name]).is_absolute():
                raise BadDataError(f"the path {line[name]!r} in {where} leads outside")
        items.append([roster.number(line[n], table.parent / line[n]) for n in names[:3]])
        votes.append(right / (left + right))
        counts.append(many)
        imagenet = extra["is_imagenet"][number].lower() if extra["is_imagenet"] else ""
        tail = {"true": "_imagenet", "false": "_no_imagenet"}.get(imagenet, "")
        group.append(line["split"] + (tail if line["split"] == "test" else ""))
    notes = (f"left out {few:,} triplets of fewer than {NIGHTS_VOTES} votes",) if few else ()
    return TrialDraft(
        "triplets",
        roster.ids,
        roster.paths,
        np.array(items, np.int64).reshape(-1, 3),
        column(votes),
        np.array(counts, np.int64),
        tuple(group),
        notes=notes,
        credits=NIGHTS_CREDITS,
    )


def things(table: Path, shelf: ImageFolder) -> TrialDraft:
    """THINGS triplets: three 0-based object numbers a line, the third chosen as the odd one.

    Images are called by number (`17.png`), or by the names in `unique_id.txt` beside the table, one
    name a line, with or without THINGS' ending `_01b`.

    Raises:
        BadDataError: a line is not three numbers, or a number beyond the list of names.
    """
    listed = next(
        (
            p
            for p in (table.parent / "unique_id.txt", shelf.folder / "unique_id.txt")
            if p.is_file()
        ),
        None,
    )
    names = listed.read_text("utf-8").split() if listed else []
    roster = ImageNumbering()
    items = []
    try:
        lines = table.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataError(
            f"{table} cannot be read as text; expected three numbers a line; check the path"
        ) from error
    for number, line in enumerate(lines, 1):
        told = line.replace(",", " ").split()
        if not told:
            continue
        try:
            three = [int(float(t)) for t in told]
        except ValueError:
            three = []
        if len(three) != 3 or min(three) < 0 or len(set(three)) != 3:
            raise BadDataError(
                f"found {line[:60]!r} in line {number} of {table.name}; expected three different "
                "object numbers, the odd one last"
            )
        if names and max(three) >= len(names):
            raise BadDataError(
                f"found the object {max(three)} in line {number} of {table.name}; expected 0 to "
                f"{len(names) - 1}, as many as {listed and listed.name} names"
            )
        items.append([_object(roster, shelf, names, k) for k in three])
    return TrialDraft(
        "odd",
        roster.ids,
        roster.paths,
        np.array(items, np.int64).reshape(-1, 3),
        np.zeros(len(items)),
        np.ones(len(items), np.int64),
        ("things",) * len(items),
        credits=THINGS_CREDITS,
    )


def _object(roster: ImageNumbering, shelf: ImageFolder, names: list[str], number: int) -> int:
    name = names[number] if names else str(number)
    tried = [f"{name}.png", f"{name}_01b.png", f"{number}.png"]
    found = next((p for p in map(shelf.find, tried) if p.is_file()), shelf.folder / tried[0])
    return roster.number(name, found)


def _optional(table: Path, name: str) -> list[str]:
    """A column that need not be there."""
    try:
        return [line[name] for line in csv_files.read_rows(table, (name,))]
    except BadDataError as error:
        if "no column" in str(error):
            return []
        raise


def _weight(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < np.inf:
        raise BadDataError(f"found {text!r} in {where}; expected a number of votes, 0 or more")
    return value


def _share(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 <= value <= 1:
        raise BadDataError(f"found the vote {text!r} in {where}; expected a share in 0 to 1")
    return value


def _count(text: str, where: str) -> int:
    value = _weight(text or "0", where)
    if value != int(value):
        raise BadDataError(f"found {text!r} votes in {where}; expected a whole number")
    return int(value)
