"""People's up- and down-votes on pairs: a CSV with columns id, wins, fails."""

from dataclasses import replace
from pathlib import Path

from simcore.data import csv_files
from simcore.data.collections.collection_draft import DraftRow
from simcore.errors import BadDataError
from simcore.types import Skipped


def attach(rows: list[DraftRow], table: Path, skipped: list[Skipped]) -> list[DraftRow]:
    """The rows with their votes; a pair nobody voted on gets 0 and 0 and is reported.

    Lines go to pairs by id where ids are file names. Otherwise the lines are sorted by id, and
    pairs named by a number take the line of that number, counted from 0 (00000.jpg the first, as
    in the official files); other pairs take the lines in order, one each.

    Raises:
        BadDataError: a column is missing, or ids and counts do not fit.
    """
    lines: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(csv_files.read_rows(table, ("id", "wins", "fails")), 2):
        what = f"{table.name} line {number}: {line['id']}"
        if line["id"] in lines:
            told = "found the id a second time; expected it once; the first line counts"
            skipped.append(Skipped(what, told))
        elif line["wins"].isdecimal() and line["fails"].isdecimal() and line["id"]:
            lines[line["id"]] = (int(line["wins"]), int(line["fails"]))
        else:
            told = f"found {line['wins']!r} wins and {line['fails']!r} fails; expected an id and "
            skipped.append(Skipped(what, told + "two whole numbers; correct the line"))
    votes = _by_row(rows, lines, table)
    given = set(votes.values())
    for name in lines.keys() - given:
        told = "found no pair of that id; expected one; the line is not used"
        skipped.append(Skipped(f"{table.name}: {name}", told))
    for row in rows:
        if row.id not in votes:
            told = f"found no votes for it in {table.name}; expected a line; counted as 0 and 0"
            skipped.append(Skipped(f"votes of {row.id}", told))
    return [replace(row, votes=lines[votes[row.id]] if row.id in votes else (0, 0)) for row in rows]


def _by_row(rows: list[DraftRow], lines: dict[str, tuple[int, int]], table: Path) -> dict[str, str]:
    """Row id -> line id."""
    exact = {row.id: row.id for row in rows if row.id in lines}
    if exact:
        return exact
    numeric = all(name.isdecimal() for name in lines)
    ordered = sorted(lines, key=int) if numeric else sorted(lines)
    if all(row.id.isdecimal() and int(row.id) < len(ordered) for row in rows):
        return {row.id: ordered[int(row.id)] for row in rows}
    if len(rows) != len(ordered):
        raise BadDataError(
            f"found {len(ordered)} votes in {table.name} for {len(rows)} pairs, and no id in "
            "common; expected ids that are file names, or one line a pair; correct the ids"
        )
    return {row.id: name for row, name in zip(rows, ordered, strict=True)}
