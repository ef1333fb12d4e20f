"""Tables that fit a width: long texts are wrapped at delimiters, so that no word is broken."""

import re
from collections.abc import Sequence

MIN_WIDTH = 10  # of a column whose texts may be wrapped
NAME_WIDTH = 20  # up to which no word in the first column is broken
_PIECE = re.compile(r"[^\s,;:/@|+_-]*[\s,;:/@|+_-]+|[^\s,;:/@|+_-]+")


def wrap(text: str, width: int) -> str:
    """The text in lines of at most `width` characters, which end after delimiters.

    A word that is longer than a line is broken.

    >>> wrap("timm:convnext_base.fb_in22k", 16)
    'timm:convnext_\\nbase.fb_in22k'
    """
    lines, line = [], ""
    for piece in _PIECE.findall(text):
        if line and len(line) + len(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
        while len(line.rstrip()) > width:
            lines.append(line[:width])
            line = line[width:]
    return "\n".join([*lines, line.rstrip()] if line.strip() else lines)


def blocks(
    rows: Sequence[Sequence[str]], flexible: Sequence[bool], width: int, gap: int = 3
) -> list[list[int]]:
    """The columns of a table, cut into tables that fit a width beneath each other.

    Each repeats the leading columns that tell the rows apart. A table that fits is one block.

    Args:
        rows, flexible, width, gap: as for `fit`.

    >>> blocks([["name", "first", "second"], ["a", "1.2345", "2.3456"]], [True, False, False], 15)
    [[0, 1], [0, 2]]
    """
    smallest = _smallest_widths(rows, flexible)
    names = list(range(_count_name_columns(rows[1:])))
    cut = [names]
    for column in range(len(names), len(smallest)):
        wider = [*cut[-1], column]
        needed = sum(smallest[number] for number in wider) + gap * (len(wider) - 1)
        if needed > width and len(cut[-1]) > len(names):
            cut.append([*names, column])
        else:
            cut[-1] = wider
    return cut


def _count_name_columns(body: Sequence[Sequence[str]]) -> int:
    """How many leading columns tell the rows apart, at most 3; 1 if they do not."""
    for count in range(1, 4):
        if len({tuple(row[:count]) for row in body}) == len(body):
            return min(count, len(body[0])) if body else 1
    return 1


def _smallest_widths(rows: Sequence[Sequence[str]], flexible: Sequence[bool]) -> list[int]:
    """The width of each column at which no number and no word of a heading is broken."""
    columns = list(zip(*rows, strict=True))
    bodies = [max((len(text) for text in column[1:]), default=0) for column in columns]
    heading_words = [max(map(len, column[0].split()), default=0) for column in columns]
    smallest = [
        max(min(body, MIN_WIDTH) if bends else body, words)
        for body, words, bends in zip(bodies, heading_words, flexible, strict=True)
    ]
    if smallest and flexible[0]:
        lengths = (len(word.rstrip()) for row in rows for word in _PIECE.findall(row[0]))
        smallest[0] = max(smallest[0], min(max(lengths, default=0), NAME_WIDTH))
    return smallest


def fit(
    rows: Sequence[Sequence[str]], flexible: Sequence[bool], width: int, gap: int = 3
) -> list[list[str]]:
    """The rows of a table, the first one its headings, wrapped to fit a width.

    Args:
        rows: as many texts each as there are columns.
        flexible: which columns may be wrapped; headings may in any column.
        width: of the table, in characters.
        gap: characters between two columns.
    """
    columns = list(zip(*rows, strict=True))
    smallest = _smallest_widths(rows, flexible)
    widths = [
        max(*map(len, column), least) for column, least in zip(columns, smallest, strict=True)
    ]
    while sum(widths) + gap * (len(widths) - 1) > width:
        spare = [size - least for size, least in zip(widths, smallest, strict=True)]
        if max(spare) <= 0:
            break
        # The widest column that can give way loses one character at a time.
        widest = max(
            range(len(widths)), key=lambda number: widths[number] if spare[number] > 0 else -1
        )
        widths[widest] -= 1
    return [[wrap(text, size) for text, size in zip(row, widths, strict=True)] for row in rows]
