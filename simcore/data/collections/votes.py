"""Up- and down-votes of people per pair: a CSV with columns id, wins, fails."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from simcore.data import csv_files, image_names
from simcore.data.collections.collection_draft import DraftRow
from simcore.errors import BadDataError
from simcore.types import Skipped

# The votes of Totally-Looks-Like name the posts of its site: sorted by id, they are in the order
# of the pairs 00000 to 06015 (rosenfeld2018, Votes/test2.csv).
OFFICIAL_LINES = 6016
MAX_VOTES = 10**12
_COUNT = re.compile(r"([0-9]{1,13})(?:\.0*)?")  # spreadsheets and pandas write 10 as 10.0

Counts = tuple[int, int]  # wins, fails
LineIds = dict[str, str]  # id of a pair -> id of its line


def attach(
    rows: list[DraftRow], table: Path, skipped: list[Skipped], *, official: bool = False
) -> list[DraftRow]:
    """The rows with their votes; a pair without votes gets 0 and 0 and is reported.

    Lines belong to pairs by their ids: equal ones, then equal ones without an image ending, then
    numbers of equal value, since spreadsheets drop leading zeros. A table without the column id
    needs one line per pair, in their order.

    Args:
        rows: the pairs.
        table: the CSV.
        skipped: what does not fit is added to it.
        official: the pairs are those of Totally-Looks-Like, which has a table with ids of its own.

    Raises:
        BadDataError: a column is missing, no id is that of a pair, or ids are ambiguous.
    """
    csv_table = csv_files.read(table, ("wins", "fails"))
    lines: dict[str, Counts] = {}
    by_order: list[Counts] = []
    has_ids = "id" in csv_table.columns
    for line in csv_table.rows:
        name = image_names.nfc(line["id"]) if has_ids else str(len(by_order))
        label = f"{table.name} line {line.line}" + (f": {name}" if has_ids else "")
        counts = [_count(line[column]) for column in ("wins", "fails")]
        by_order.append((counts[0] or 0, counts[1] or 0))
        if name in lines:
            skipped.append(Skipped(label, "The id occurs twice. The first line counts."))
        elif name and counts[0] is not None and counts[1] is not None:
            lines[name] = (counts[0], counts[1])
        else:
            reason = (
                f"A line needs {'an id and ' if has_ids else ''}two whole numbers, got "
                f"{line['wins']!r} wins and {line['fails']!r} fails."
            )
            skipped.append(Skipped(label, reason))
    if not has_ids:
        return _attach_by_order(rows, by_order, table)
    line_ids = _match(rows, lines, table, official)
    used = set(line_ids.values())
    for name in lines:
        if name not in used:
            skipped.append(Skipped(f"{table.name}: {name}", "There is no pair of that id."))
    for row in rows:
        if row.id not in line_ids:
            reason = f"{table.name} has no line for it. It counts as 0 and 0."
            skipped.append(Skipped(f"votes of {row.id}", reason))
    return [
        replace(row, votes=lines[line_ids[row.id]] if row.id in line_ids else (0, 0))
        for row in rows
    ]


def _count(text: str) -> int | None:
    match = _COUNT.fullmatch(text)
    return int(match[1]) if match and int(match[1]) <= MAX_VOTES else None


def _attach_by_order(rows: list[DraftRow], votes: list[Counts], table: Path) -> list[DraftRow]:
    if len(votes) != len(rows):
        raise BadDataError(
            f"{table.name} has no column id and {len(votes):,} lines for {len(rows):,} pairs. Add "
            "the ids of the pairs, or one line per pair."
        )
    return [replace(row, votes=counts) for row, counts in zip(rows, votes, strict=True)]


def _match(
    rows: list[DraftRow], lines: Mapping[str, Counts], table: Path, official: bool
) -> LineIds:
    """The line of each pair that has one.

    Raises:
        BadDataError: no id is that of a pair, or ids are ambiguous.
    """
    pair_ids = [row.id for row in rows]
    numbered = all(name.isdecimal() for name in (*pair_ids, *lines))
    if official and numbered and len(lines) == OFFICIAL_LINES:
        in_order = sorted(lines, key=int)
        return {name: in_order[int(name)] for name in pair_ids if int(name) < OFFICIAL_LINES}
    matched: LineIds = {}
    for form in (str, image_names.stem, _number):
        of_pairs, of_lines = defaultdict(list), defaultdict(list)
        for name in (name for name in pair_ids if name not in matched):
            of_pairs[form(image_names.nfc(name))].append(name)
        for name in sorted(lines.keys() - set(matched.values())):
            of_lines[form(image_names.nfc(name))].append(name)
        for text in (of_pairs.keys() & of_lines.keys()) - {""}:
            if len(of_pairs[text]) > 1 or len(of_lines[text]) > 1:
                raise BadDataError(
                    f"The votes of {' and '.join(of_lines[text])} in {table.name} may belong to "
                    f"{' or '.join(of_pairs[text])}. Use the full ids of the pairs."
                )
            matched[of_pairs[text][0]] = of_lines[text][0]
    if matched:
        return matched
    example = next(iter(lines), "none")
    raise BadDataError(
        f"{table.name} has {len(lines):,} votes for {len(rows):,} pairs, and no id in common (a "
        f"line has {example[:60]!r}, a pair {pair_ids[0][:60]!r}). Use the ids of the pairs; "
        "without the column id, lines belong to pairs in their order."
    )


def _number(name: str) -> str:
    """The digits of a number without leading zeros; "" for any other id.

    >>> _number("00012"), _number("7.0"), _number("000"), _number("a7")
    ('12', '7', '0', '')
    """
    match = _COUNT.fullmatch(image_names.stem(name))
    return str(int(match[1])) if match else ""
