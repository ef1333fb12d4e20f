"""Up- and down-votes of people per pair: a CSV with columns id, wins, fails."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from simcore.data import csv_files
from simcore.data.collections.collection_draft import DraftRow
from simcore.errors import BadDataError
from simcore.types import Skipped


def attach(rows: list[DraftRow], table: Path, skipped: list[Skipped]) -> list[DraftRow]:
    """The rows with their votes; a pair without votes gets 0 and 0 and is reported.

    If ids are file names, lines are matched to pairs by id. Otherwise lines are sorted by id, and
    a pair whose name is a number gets the line of that number, counted from 0 (00000.jpg is the
    first, as in the official files); pairs with other names get the lines in order, one each.

    Raises:
        BadDataError: a column is missing, or ids and counts do not fit.
    """
    lines: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(csv_files.read_rows(table, ("id", "wins", "fails")), 2):
        label = f"{table.name} line {number}: {line['id']}"
        if line["id"] in lines:
            skipped.append(Skipped(label, "The id occurs twice. The first line counts."))
        elif line["wins"].isdecimal() and line["fails"].isdecimal() and line["id"]:
            lines[line["id"]] = (int(line["wins"]), int(line["fails"]))
        else:
            reason = (
                "A line needs an id and two whole numbers, got "
                f"{line['wins']!r} wins and {line['fails']!r} fails."
            )
            skipped.append(Skipped(label, reason))
    line_ids = _match(rows, lines, table)
    for name in lines.keys() - set(line_ids):
        skipped.append(Skipped(f"{table.name}: {name}", "There is no pair of that id."))
    for row, line_id in zip(rows, line_ids, strict=True):
        if line_id is None:
            reason = f"{table.name} has no line for it. It counts as 0 and 0."
            skipped.append(Skipped(f"votes of {row.id}", reason))
    return [
        replace(row, votes=(0, 0) if line_id is None else lines[line_id])
        for row, line_id in zip(rows, line_ids, strict=True)
    ]


def _match(
    rows: list[DraftRow], lines: dict[str, tuple[int, int]], table: Path
) -> Sequence[str | None]:
    """The id of the line of each row; None for rows without one."""
    if any(row.id in lines for row in rows):
        return [row.id if row.id in lines else None for row in rows]
    numeric = all(name.isdecimal() for name in lines)
    ordered = sorted(lines, key=int) if numeric else sorted(lines)
    if all(row.id.isdecimal() and int(row.id) < len(ordered) for row in rows):
        return [ordered[int(row.id)] for row in rows]
    if len(rows) != len(ordered):
        raise BadDataError(
            f"{table.name} has {len(ordered)} votes for {len(rows)} pairs, and no id in common. "
            "Use file names as ids, or one line per pair."
        )
    return ordered
