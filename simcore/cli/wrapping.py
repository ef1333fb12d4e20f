"""Tables that fit a width: long texts are wrapped at delimiters, so that no word is broken."""

import re
from collections.abc import Sequence

MIN_WIDTH = 10  # of a column whose texts may be wrapped
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
    bodies = [max((len(text) for text in column[1:]), default=0) for column in columns]
    heading_words = [max(map(len, column[0].split()), default=0) for column in columns]
    smallest = [
        max(min(body, MIN_WIDTH) if bends else body, words)
        for body, words, bends in zip(bodies, heading_words, flexible, strict=True)
    ]
    widths = [
        max(body, len(column[0]), least)
        for body, column, least in zip(bodies, columns, smallest, strict=True)
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
